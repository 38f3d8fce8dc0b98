"""Runs in django-hordak's own virtual environment: transfers for so many seconds on each line of standard input.

Arguments: URL of an empty database, threads, accounts. Each line is a number of seconds; the answer is the rate.
"""

import json
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.core.management import call_command

LIABILITY, INCOME = "LI", "IN"


def set_up(url: str) -> None:
    """Configure Django and make hordak's tables."""
    parts = urlsplit(url)
    settings.configure(
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": parts.path.removeprefix("/"),
                "USER": parts.username,
                "PASSWORD": parts.password,
                "HOST": parts.hostname,
                "PORT": parts.port,
            }
        },
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "mptt", "djmoney", "hordak"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DEFAULT_CURRENCY="USD",
        HORDAK_INTERNAL_CURRENCY="USD",
        USE_TZ=True,
    )
    django.setup()
    call_command("migrate", verbosity=0)


def main() -> None:
    """Make a customer's and a revenue account each, then transfer when asked to."""
    url, threads, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    set_up(url)
    from hordak.models import Account  # noqa: PLC0415 # its models need the settings
    from moneyed import Money  # noqa: PLC0415 # as above

    pairs = [
        tuple(
            Account.objects.create(name=f"{name} {number}", code=f"{digit}{number:05d}", type=kind, currencies=["USD"])
            for digit, name, kind in ((1, "customer", LIABILITY), (2, "revenue", INCOME))
        )
        for number in range(count)
    ]
    price = Money("0.01", "USD")

    def work(end: float) -> int:
        done = 0
        while time.perf_counter() < end:
            customer, revenue = random.choice(pairs)  # noqa: S311 # load, not a secret
            customer.transfer_to(revenue, price)
            done += 1
        return done

    with ThreadPoolExecutor(threads) as pool:
        for line in sys.stdin:
            started = time.perf_counter()
            done = sum(pool.map(work, [started + float(line)] * threads))
            sys.stdout.write(json.dumps(done / (time.perf_counter() - started)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
