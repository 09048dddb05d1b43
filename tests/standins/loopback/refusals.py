"""What does the platform answer when it does not do it?"""


class Refused(Exception):
    """The answer is `status` {"error": name}."""

    def __init__(self, status: int, name: str) -> None:
        super().__init__(name)
        self.status = status
        self.name = name
