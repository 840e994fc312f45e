"""Where tasks belong, beside their records, so that listing them reads no record that is not wanted."""

from __future__ import annotations

LONGEST = 500
"""Characters of `place`: an index takes no text of any length."""
_AFTER = 'substr(body, instr(body, \'"repository":"\') + 14)'

STEP = f"""
ALTER TABLE task ADD COLUMN place TEXT NOT NULL DEFAULT '';
ALTER TABLE task ADD COLUMN part BIGINT NOT NULL DEFAULT 0;
UPDATE task SET
    place = CASE WHEN instr(body, '"repository":"') > 0 AND instr({_AFTER}, '","') > 0
        THEN substr(substr({_AFTER}, 1, instr({_AFTER}, '","') - 1), 1, {LONGEST}) ELSE '' END,
    part = CASE WHEN instr(body, '"kind":"subtask"') > 0
        OR (instr(body, '"kind":"review"') > 0 AND instr(body, '"parent":""') = 0) THEN 1 ELSE 0 END;
CREATE INDEX task_of_place ON task (part, place, id);
CREATE INDEX task_by_part ON task (part, id, place);
"""  # noqa: S608 - our own words
"""`place`: the beginning of the task's repository, as it stands in the canonical record. `part` is 1 for what is a part
of another attempt's work."""
