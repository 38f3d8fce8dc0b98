"""Who may do what (requirement I6): every caller against every need."""

import pytest

from rules.access import SCOPES, Caller, Need, Verdict, judge, parse_actor, scope_of

OWN, OTHER = "MA01ABCDEFGHJKMNPQRS", "MA99ABCDEFGHJKMNPQRS"
ACCOUNT = Caller(kind="account", id=OWN, name=OWN)
SUBACCOUNT = Caller(kind="subaccount", id="SA01ABCDEFGHJKMNPQRS", name="SA01ABCDEFGHJKMNPQRS", account_id=OWN)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("needed", SCOPES)
@pytest.mark.parametrize("owner", [True, False])
@pytest.mark.parametrize("account_id", [None, OWN])
def test_a_scope_includes_those_before_it(scope, needed, owner, account_id):
    caller = Caller(kind="operator", id="opk_1", name="ops", scope=scope)
    allowed = SCOPES.index(scope) >= SCOPES.index(needed)
    verdict = judge(caller, Need(needed, owner), account_id=account_id)
    assert verdict is (Verdict.ALLOWED if allowed else Verdict.FORBIDDEN)


@pytest.mark.parametrize("needed", SCOPES)
@pytest.mark.parametrize(
    ("owner", "account_id", "verdict"),
    [
        (True, OWN, Verdict.ALLOWED),
        (False, OWN, Verdict.FORBIDDEN),
        (True, OTHER, Verdict.HIDDEN),
        (False, OTHER, Verdict.HIDDEN),
        (True, None, Verdict.FORBIDDEN),
        (False, None, Verdict.FORBIDDEN),
    ],
)
def test_an_account_may_act_under_its_own_id_alone(needed, owner, account_id, verdict):
    assert judge(ACCOUNT, Need(needed, owner), account_id=account_id) is verdict


@pytest.mark.parametrize("owner", [True, False])
@pytest.mark.parametrize(
    ("open_to_it", "account_id", "verdict"),
    [
        (True, OWN, Verdict.ALLOWED),
        (False, OWN, Verdict.FORBIDDEN),
        (True, OTHER, Verdict.HIDDEN),
        (False, OTHER, Verdict.HIDDEN),
        (True, SUBACCOUNT.id, Verdict.HIDDEN),
        (True, None, Verdict.FORBIDDEN),
    ],
)
def test_a_subaccount_may_act_under_its_accounts_id_where_a_route_is_open_to_it(owner, open_to_it, account_id, verdict):
    assert judge(SUBACCOUNT, Need("usage", owner, subaccount=open_to_it), account_id=account_id) is verdict


def test_what_is_open_to_subaccounts_is_not_thereby_open_to_the_account():
    assert judge(ACCOUNT, Need("usage", owner=False, subaccount=True), account_id=OWN) is Verdict.FORBIDDEN


@pytest.mark.parametrize("scope", SCOPES)
def test_some_things_are_for_the_account_alone(scope):
    need = Need("read", owner=True, operators=False)
    assert judge(Caller(kind="operator", id="x", name="x", scope=scope), need, account_id=OWN) is Verdict.FORBIDDEN
    assert judge(ACCOUNT, need, account_id=OWN) is Verdict.ALLOWED


def test_an_operator_without_a_scope_may_nothing():
    assert (
        judge(Caller(kind="operator", id="x", name="x"), Need("read", owner=True), account_id=OWN) is Verdict.FORBIDDEN
    )


def test_an_actor_can_be_read_back():
    caller = Caller(kind="operator", id="opk_1", name="Ada: the first", scope="read")
    assert parse_actor(caller.actor) == {"kind": "operator", "id": "opk_1", "name": "Ada: the first"}


def test_scopes_have_names():
    assert [scope_of(scope) for scope in SCOPES] == list(SCOPES)
    with pytest.raises(LookupError):
        scope_of("root")
