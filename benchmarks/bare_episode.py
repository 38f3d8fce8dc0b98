"""The limit of an episode: a workflow with as many activities, and nothing in them."""

from datetime import timedelta

from temporalio import activity, workflow

ACTIVITIES = 3
_LONGEST = timedelta(seconds=20)


@activity.defn
async def step(number: int) -> int:
    """Nothing."""
    return number


@workflow.defn
class BareEpisode:
    """Where an episode begins, charges and finishes, this does nothing three times."""

    @workflow.run
    async def run(self) -> int:
        """Gives the number of activities."""
        for number in range(ACTIVITIES):
            await workflow.execute_activity(step, number, start_to_close_timeout=_LONGEST)
        return ACTIVITIES

    @workflow.signal
    def wake(self) -> None:
        """Comes with the start, as an episode's does."""
