"""The topics as an AsyncAPI document, made from the catalogue."""

from typing import Any

import yaml

from events.catalog import EventType, name_topic

_WHEN = {
    EventType.TASK_CREATED: "A task, a series or an instance was created, or came back.",
    EventType.TASK_UPDATED: "A task or a series was changed.",
    EventType.TASK_COMPLETED: "A task was done, or a series has ended.",
    EventType.TASK_DELETED: "A task was deleted; the event carries its last state.",
    EventType.REMINDER_DUE: "A reminder rang.",
    EventType.RECURRING_TRIGGER: "A series made an instance.",
}
_KEY = {"type": "string", "description": "The task's id: the events of a task are in order."}


def write_asyncapi(version: str) -> str:
    """Return the document (AsyncAPI 3.0) in YAML; the schemas of the events lie beside it, in `events/`.

    The addresses are those of `TODO_TOPIC_STYLE=type`.
    """
    document: dict[str, Any] = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Evolution Todo: events",
            "version": version,
            "description": "Every change of a task, as CloudEvents 1.0 in structured JSON on Kafka. "
            "Delivery is at least once; drop what you have seen by the event's id.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {},
        "operations": {},
        "components": {"messages": {}},
    }
    for kind in EventType:
        _describe_topic(document, kind)
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def _describe_topic(document: dict[str, Any], kind: EventType) -> None:
    key, topic = kind.value.replace(".", "_"), name_topic(kind, "type")
    document["components"]["messages"][key] = {
        "name": kind.value,
        "title": kind.value,
        "summary": _WHEN[kind],
        "contentType": "application/cloudevents+json",
        "payload": {
            "schemaFormat": "application/schema+json;version=2020-12",
            "schema": {"$ref": f"./events/{kind.value}.json"},
        },
        "bindings": {"kafka": {"key": _KEY, "bindingVersion": "0.5.0"}},
    }
    message = {key: {"$ref": f"#/components/messages/{key}"}}
    for name, address, what in (
        (key, topic, _WHEN[kind]),
        (f"{key}_dead", f"{topic}.dead", "What a consumer could not take, for its operator alone."),
    ):
        document["channels"][name] = {
            "address": address,
            "description": what,
            "messages": message,
            "bindings": {"kafka": {"topic": address, "bindingVersion": "0.5.0"}},
        }
    document["operations"][f"publish_{key}"] = {
        "action": "send",
        "channel": {"$ref": f"#/channels/{key}"},
        "summary": _WHEN[kind],
        "messages": [{"$ref": f"#/channels/{key}/messages/{key}"}],
    }
