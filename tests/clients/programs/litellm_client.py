"""LiteLLM, on `/v1` as a server of OpenAI's kind."""

import litellm
from steps import TITLE, URL, report


def say(text: str, model: str = "offline-commands", *, stream: bool = False) -> str:
    try:
        answer = litellm.completion(
            model=f"openai/{model}",
            api_base=URL,
            api_key="none",
            messages=[{"role": "user", "content": text}],
            stream=stream,
        )
        if stream:
            return "".join(part.choices[0].delta.content or "" for part in answer)
    except litellm.exceptions.APIError as error:
        return str(error)
    except litellm.exceptions.NotFoundError as error:
        return str(error)
    return str(answer.choices[0].message.content)


report(
    tools=litellm.get_valid_models(
        check_provider_endpoint=True, custom_llm_provider="openai", api_base=URL, api_key="none"
    ),
    made=say(f"add {TITLE}"),
    found=say(f"find {TITLE}", stream=True),
    wrong=say("add milk", "no-such-model"),
)
