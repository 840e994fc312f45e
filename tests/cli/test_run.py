"""`midwatch run` and what can be asked afterwards, with the real program and a scripted model."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from tests.cli.conftest import CALC, CHECK, Program, make_program, mending
from tests.support.model_server import ModelServer, calls, fails, says

Done = tuple[Program, str, bytes]


def test_a_run_is_plain_lines_without_control_codes_when_nobody_watches(done: Done) -> None:
    _, task_id, output = done
    text = output.decode()
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert text.startswith(f"task      {task_id}\n")
    assert f"check     {CHECK}" in text
    assert "given with --check" in text
    assert re.search(r"^ +[0-9.]+s ✓ \[1\] \$ cat calc\.py · exit 0 · .* · 5 lines$", text, re.MULTILINE)
    assert re.search(r"^ +[0-9.]+s ✓ apply_patch: .*calc\.py$", text, re.MULTILINE)
    assert re.search(r"^ +[0-9.]+s · plan: 0 of 2 done · now: mend the loop$", text, re.MULTILINE)
    assert "The loop left it out." in text
    assert text.splitlines()[-1] == "✓ pull request #1 is ready: every check passes on the final tree"


def test_a_run_leaves_the_users_tree_index_and_head_alone(done: Done) -> None:
    program, task_id, _ = done
    assert program.git("status", "--porcelain") == ""
    assert program.git("symbolic-ref", "HEAD") == "refs/heads/main\n"
    branches = program.git("branch", "--format=%(refname:short)").split()
    assert branches == ["main", f"midwatch/mend-the-sum-{task_id}"]


def test_the_list_has_the_task_with_its_state_and_pull_request(done: Done) -> None:
    program, task_id, _ = done
    line = program("list").stdout.decode().splitlines()[1]
    assert re.fullmatch(rf"{task_id}  done   \S+(?: min)?  #1  repo        Mend the sum", line)
    (entry,) = program.json("list", "--limit", "1")
    assert (entry["status"], entry["pull_request"], entry["repository"]) == ("done", 1, str(program.repo))


def test_show_has_plan_commands_words_and_the_report(done: Done) -> None:
    program, task_id, _ = done
    text = program("show", task_id[:8]).stdout.decode()
    for part in (
        "Prompt\n  Mend the sum",
        "▸ mend the loop",
        "✓ [1] $ cat calc.py",
        "calc.py | 2 +-",
        "midwatch pr show 1",
    ):
        assert part in text
    value = program.json("show", task_id)
    assert value["plan"]["steps"][0] == {"step": "mend the loop", "status": "in_progress"}
    assert [message["author"] for message in value["messages"]] == ["person", "model"]
    assert (value["status"], value["verdict"], value["exit_code"]) == ("done", "passed", 0)


def test_the_log_has_a_line_for_each_event(done: Done) -> None:
    program, task_id, _ = done
    lines = program("log", task_id).stdout.decode().splitlines()
    events = [json.loads(line) for line in program("log", task_id, "--json").stdout.splitlines()]
    assert len(lines) == len(events) > 8
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["kind"] == "task_started"
    assert events[-1]["kind"] == "proposed"


def test_a_commands_output_can_be_cited_by_line(done: Done) -> None:
    program, task_id, _ = done
    assert program("log", task_id, "--cmd", "1", "--raw").stdout.decode() == CALC
    lines = program("log", task_id, "--cmd", "1", "--lines", "2-3").stdout.decode().splitlines()
    assert lines[0] == "command 1: $ cat calc.py"
    assert lines[2:] == ["2      result = 0", "3      for i in range(len(values) - 1):"]
    value = json.loads(program("log", task_id, "--cmd", "1", "--lines", "5-", "--json").stdout)
    assert (value["first_line"], value["text"]) == (5, ["    return result\n"])
    assert program("log", task_id, "--check", "1", "--raw").stdout == b"six\n"


def test_an_output_that_does_not_exist_is_refused(done: Done) -> None:
    program, task_id, _ = done
    missing = program("log", task_id, "--cmd", "9")
    assert missing.returncode == 2
    assert "there is no command 9\n  → this attempt has 1 command" in missing.stderr.decode()
    assert "the evidence has 1 check" in program("log", task_id, "--check", "2").stderr.decode()
    assert program("log", task_id, "--raw").returncode == 2
    assert f"its attempts are: {task_id}.1" in program("log", f"{task_id}.2").stderr.decode()


def test_the_diff_is_taken_by_git_apply(done: Done, tmp_path: Path) -> None:
    program, task_id, _ = done
    diff = program("diff", task_id).stdout
    assert program("pr", "show", "1", "--diff").stdout == diff
    assert program.json("diff", task_id)["diff"].encode() == diff
    copy = tmp_path / "copy"
    shutil.copytree(program.repo, copy)
    patch = tmp_path / "change.diff"
    patch.write_bytes(diff)
    program.git("-C", str(copy), "apply", str(patch))
    assert "range(len(values))" in (copy / "calc.py").read_text()


def test_the_mail_becomes_a_commit_by_git_am(done: Done, tmp_path: Path) -> None:
    program, task_id, _ = done
    copy, mail = tmp_path / "copy", tmp_path / "change.mail"
    shutil.copytree(program.repo, copy)
    mail.write_bytes(program("diff", task_id, "--mail").stdout)
    program.git("-C", str(copy), "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "am", "--quiet", str(mail))
    assert "range(len(values))" in (copy / "calc.py").read_text()
    message = program.git("-C", str(copy), "log", "-1", "--format=%B")
    assert f"Midwatch-Task: {task_id}" in message


def test_the_stat_names_the_files(done: Done) -> None:
    program, task_id, _ = done
    assert "calc.py" in program("diff", task_id, "--stat").stdout.decode()
    assert program.json("diff", task_id, "--stat")["changes"][0]["path"] == "calc.py"


def test_apply_changes_the_files_once_and_refuses_whole_when_they_do_not_fit(done: Done, tmp_path: Path) -> None:
    program, task_id, _ = done
    copy = tmp_path / "copy"
    shutil.copytree(program.repo, copy)
    applied = program("apply", task_id, "--repo", str(copy))
    assert applied.returncode == 0, applied.stderr.decode()
    assert "calc.py | 2 +-" in applied.stdout.decode()
    changed = (copy / "calc.py").read_text()
    assert "range(len(values))" in changed
    again = program("apply", task_id, "--repo", str(copy))
    assert again.returncode == 2
    assert b"calc.py" in again.stderr
    assert (copy / "calc.py").read_text() == changed
    nowhere = program("apply", task_id, "--repo", "https://127.0.0.1:1/ann/calc")  # nobody is asked there
    assert b"has no working tree here" in nowhere.stderr


def test_verify_names_what_it_looked_at(done: Done) -> None:
    program, task_id, _ = done
    verified = program("verify", task_id)
    assert verified.returncode == 0
    assert f"✓ task {task_id} is as it was written" in verified.stdout.decode()
    assert "2 outputs match their SHA-256" in verified.stdout.decode()
    assert "1 commit holds exactly the tree that was checked" in verified.stdout.decode()
    assert program.json("verify", task_id)["ok"] is True


def test_a_finished_task_answers_at_once_with_its_report(done: Done) -> None:
    program, task_id, output = done
    again = program("resume", task_id)
    assert again.returncode == 0
    assert again.stdout.decode().strip().endswith(output.decode().partition("What changed")[2].strip())


def test_json_lines_are_all_that_a_run_prints_with_json(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(*mending())
    ran = program.run("--json")
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [line["type"] for line in lines[:2]] == ["task", "event"]
    assert {line["type"] for line in lines[1:-1]} == {"event"}
    result = lines[-1]
    assert (result["type"], result["status"], result["exit_code"]) == ("result", "done", 0)
    assert result["pull_request"]["number"] == 1
    assert result["chosen"]["evidence"]["checks"][0]["command"] == CHECK
    assert result["changes"] == [{"path": "calc.py", "status": "M", "added": 1, "removed": 1, "old_path": ""}]


def test_a_changed_byte_makes_verify_fail(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(*mending())
    assert program.run().returncode == 0
    task_id = program.json("list")[0]["id"]
    digest = program.json("show", task_id)["chosen"]["evidence"]["checks"][0]["digest"]
    blob = program.folder / "state/midwatch/blobs" / digest[:2] / digest
    blob.chmod(0o600)
    blob.write_bytes(b"SIX\n")
    verified = program("verify", task_id)
    assert verified.returncode == 1
    assert f"blob {digest[:12]} has been changed" in verified.stdout.decode()
    assert program.json("verify", task_id, code=1)["ok"] is False


def test_a_change_that_fails_its_check_is_a_draft_and_the_exit_code_says_so(
    program: Program, server: ModelServer
) -> None:
    program.base_url = server.script(calls("shell", command="echo x > new.txt"), says("Done."))
    ran = program.run()
    assert ran.returncode == 1
    assert "✗ pull request #1 is a draft: a check fails on the final tree" in ran.stdout.decode()
    assert "checks fail" in program("pr", "list").stdout.decode()


def test_no_change_is_no_pull_request(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(says("There is nothing to do."))
    ran = program.run()
    assert ran.returncode == 1
    assert ran.stdout.decode().endswith("✗ no file was changed, so there is no pull request\n")
    assert "  There is nothing to do." in ran.stdout.decode()


def test_an_endpoint_that_refuses_says_why_and_how_to_go_on(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(fails(401, "bad key"), *mending())
    ran = program.run()
    task_id = program.json("list")[0]["id"]
    assert ran.returncode != 0
    assert f"midwatch resume {task_id}" in ran.stderr.decode()
    assert "Traceback" not in ran.stderr.decode()
    assert program.json("list")[0]["status"] == "failed"
    assert program("resume", task_id).returncode == 0
    assert program.json("list")[0]["status"] == "done"


def test_the_prompt_may_come_from_standard_input(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(says("Nothing."))
    program("run", "-", *program.run_options, stdin="Mend\nthe süm \0\n".encode())
    assert program.json("list")[0]["prompt"] == "Mend\nthe süm"


def test_several_attempts_are_told_apart(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(*mending())
    ran = program.run("--attempts", "2")
    assert ran.returncode == 0, ran.stderr.decode()
    assert "attempt 1: " in ran.stdout.decode()
    assert "attempt 2: " in ran.stdout.decode()
    assert "Other attempts\n  2: not chosen" in ran.stdout.decode()
    task = program.json("list")[0]["id"]
    chosen = program("choose", f"{task}.2")
    assert chosen.returncode == 0, chosen.stderr.decode()
    assert "Other attempts\n  1: not chosen" in chosen.stdout.decode()
    assert [request["number"] for request in program.json("pr", "list")] == [1]
    refused = program("choose", task)
    assert (refused.returncode, b"is a task" in refused.stderr) == (2, True)


def test_a_budget_of_the_settings_holds_for_all_tasks_of_the_day(program: Program, server: ModelServer) -> None:
    def set_to(dollars: str) -> None:
        folder = program.folder / "config/midwatch"
        folder.mkdir(parents=True, exist_ok=True)
        price = '[prices."openai/scripted"]\ninput = 1\noutput = 1\n'
        (folder / "config.toml").write_text(f"[budgets]\nper_day_usd = {dollars}\n{price}")

    program.base_url = server.script(*mending())
    set_to("5")
    assert program.run().returncode == 0
    set_to("0.0001")
    program.base_url = server.script(*mending())
    ran = program.run()
    assert ran.returncode == 1
    assert "the budget of user local for a day: $0.0001, of which $0.0" in ran.stdout.decode()
    refused = program.run("--attempts", "2", "--select", "review", "--model", "repair")
    assert (refused.returncode, b"cannot review" in refused.stderr) == (2, True)


def test_a_repository_elsewhere_with_strange_names_is_fine(tmp_path: Path, server: ModelServer) -> None:
    folder = tmp_path / "with space\nand line"
    folder.mkdir()
    program = make_program(folder)
    (program.repo / "caf\udce9.txt").write_bytes(b"x\n")
    program.git("add", "--all")
    program.git("commit", "--quiet", "--message=Second")
    program.base_url = server.script(calls("shell", command="echo y >> caf*.txt"), *mending()[1:])
    ran = program("run", "Mend", "--repo", str(program.repo), *program.run_options, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr.decode()
    assert "  caf\\xe9.txt | 1 +" in ran.stdout.decode()
    task_id = program.json("list")[0]["id"]
    assert f"midwatch pr merge {task_id}" in ran.stdout.decode()
    assert program("pr", "merge", task_id, cwd=tmp_path).returncode == 0
