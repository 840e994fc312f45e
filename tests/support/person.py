"""A person who is asked."""

from __future__ import annotations

from midwatch.tools.approval import Answer, Question


class Person:
    """Gives one answer to everything, and keeps the questions."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.questions: list[Question] = []

    async def ask(self, question: Question) -> Answer:
        """See `Approver.ask`."""
        self.questions.append(question)
        return self.answer
