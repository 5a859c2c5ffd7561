"""A trace as a data frame and as a Parquet file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steepest.errors import EngineError
from steepest.io import check_suffix, replacing

if TYPE_CHECKING:
    from steepest.descent.trace import Trace


def to_pandas(trace: Trace) -> Any:
    try:
        import pandas
    except ImportError as error:
        raise EngineError(f"to_pandas needs pandas, which cannot be imported ({error}): pip install pandas") from None
    return pandas.DataFrame(trace.columns())


def save(trace: Trace, path: str | Path) -> None:
    """Parquet with page checksums; the recipe is JSON in the file's metadata under the key `steepest`."""
    check_suffix(path, [".parquet"])
    import pyarrow
    import pyarrow.parquet

    recipe = {**trace.recipe, "outcome": trace.outcome, "reason": trace.reason}
    table = pyarrow.table(trace.columns()).replace_schema_metadata({"steepest": json.dumps(recipe)})
    with replacing(path) as temporary:
        pyarrow.parquet.write_table(table, temporary, write_page_checksum=True)
