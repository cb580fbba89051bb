"""OpenAI's Python client, on `/v1`."""

import openai
from steps import TITLE, URL, report

client = openai.OpenAI(base_url=URL, api_key="none")


def say(text: str, model: str = "offline-commands") -> str:
    try:
        answer = client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}])
    except openai.APIStatusError as error:
        return str(error)
    return str(answer.choices[0].message.content)


def stream(text: str) -> str:
    parts = client.chat.completions.create(
        model="offline-commands", messages=[{"role": "user", "content": text}], stream=True
    )
    return "".join(part.choices[0].delta.content or "" for part in parts if part.choices)


report(
    tools=[model.id for model in client.models.list()],
    made=say(f"add {TITLE}"),
    found=stream(f"find {TITLE}"),
    wrong=say("add milk", "no-such-model"),
)
