"""The commands. Plain data, so that listing them costs nothing."""

from __future__ import annotations

COMMANDS: dict[str, str] = {
    "chat": "talk with the agent in this folder; what `midwatch` alone opens in a terminal",
    "run": "do a task: change the repository, check the change, open a pull request",
    "exec": "one turn of a conversation without a terminal, as `codex exec` has it",
    "resume": "go on with a task that was stopped or could not go on",
    "tell": "give a task a further message and let it go on, also after its pull request is open",
    "undo": "go back to an earlier step of a task: its conversation and its files",
    "fork": "make a new task that begins with what another one had done up to a step",
    "review": "look at a change of yours for faults: findings with files and lines",
    "list": "the newest tasks, a line each",
    "show": "what a task has come to: change, evidence, plan, commands, cost",
    "log": "a task's events, or the full output of one command or check",
    "diff": "a task's change as a unified diff",
    "apply": "put a task's change into your working tree",
    "verify": "re-compute a task's log, outputs and evidence; fails on any changed byte",
    "pr list": "pull requests of this repository",
    "pr show": "one pull request, with its text and its diff",
    "pr merge": "merge a pull request into its base branch",
    "pr close": "close a pull request without merging it",
    "env init": "write a recipe that says how the repository is set up and checked",
    "env show": "the recipe as it is understood, and what is kept for it",
    "env build": "run the setup of the recipe now",
    "env shell": "a shell in a box as an attempt has it; nothing done there is kept",
    "env gc": "delete kept environments that are old or too many",
    "admin orphans": "what no live attempt owns any more: processes, mounts, control groups, folders; and its removal",
    "acp": "an agent for editors (Zed, JetBrains, Neovim), over the Agent Client Protocol",
    "mcp": "a server for other agents: they submit tasks, follow them and read what came of them",
    "serve": "a server: tasks over HTTP, for a team and for programs; works on them too",
    "migrate": "bring the database's schema up to date; a PostgreSQL database needs it once for each release",
    "worker": "take turns of submitted tasks and work on them; any number may run",
    "login": "log in to an MCP server that asks for it",
    "doctor": "what this machine has and lacks, with the fix for each",
    "example": "write a small repository with a bug in it, to try Midwatch on",
}
"""Every command and what it does in a line. `commands/<name>.py` is imported when the command is used."""
