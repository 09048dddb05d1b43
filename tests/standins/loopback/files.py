"""Which files does the platform hold?"""

from tests.standins.loopback.refusals import Refused
from tests.standins.loopback.values import Attachment, Upload

MAX_FILES = 10_000


class Files:
    """At most MAX_FILES, under ids that the platform gives."""

    def __init__(self) -> None:
        self._files: dict[str, Upload] = {}

    def keep(self, upload: Upload) -> Attachment:
        """Raises Refused when there are too many."""
        if len(self._files) >= MAX_FILES:
            raise Refused(507, "full")
        native_id = f"f{len(self._files) + 1}"
        self._files[native_id] = upload
        return Attachment(native_id, upload.name, upload.mime, len(upload.data))

    def get(self, native_id: str) -> Upload:
        """Raises Refused for an unknown id."""
        if native_id not in self._files:
            raise Refused(404, "unknown_file")
        return self._files[native_id]
