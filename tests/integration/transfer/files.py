"""Files of other products, written by hand from the lists of their fields."""
# ruff: noqa: E501  # the lines are as those products write them

import io
import zipfile
from textwrap import dedent


def write_text(text: str) -> bytes:
    return dedent(text).lstrip("\n").encode()


TODOIST = write_text(
    """
    TYPE,CONTENT,DESCRIPTION,PRIORITY,INDENT,AUTHOR,RESPONSIBLE,DATE,DATE_LANG,TIMEZONE,DURATION,DURATION_UNIT
    meta,view_style=list,,,,,,,,,,
    section,Kitchen,,,,,,,,,,
    task,"Water the plants @home",Ferns too,2,1,Ann (1),,every! 3 days,en,Europe/Berlin,,
    task,Buy soil,,4,2,Ann (1),,2026-12-01,en,Europe/Berlin,,
    note,Not the cheap one,,,,Ann (1),,,,,,
    task,=HYPERLINK(1),,1,1,Ann (1),,when pigs fly,en,Europe/Berlin,,
    task,Send the invoice,,1,1,Ann (1),,every 3rd friday,en,Europe/Berlin,,
    """
)
TICKTICK = write_text(
    """
    "Date: 2026-11-20+0000"
    "Version: 7.1"
    "Status: 0 Normal 1 Completed 2 Archived"
    "Folder Name","List Name","Title","Kind","Tags","Content","Is Check list","Start Date","Due Date","Reminder","Repeat","Priority","Status","Created Time","Completed Time","Order","Timezone","Is All Day","Is Floating","Column Name","Column Order","View Mode","taskId","parentId"
    "","Work","Stand-up","TEXT","team, daily","Bring
    coffee","N","2026-11-27T08:30:00+0000","2026-11-27T08:30:00+0000","TRIGGER:-PT30M","RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=FR","5","0","2026-11-01T08:00:00+0000","","-1","Europe/Berlin","false","false","","","list","1",""
    "","Work","Holiday","TEXT","","","N","2026-12-23T23:00:00+0000","2026-12-23T23:00:00+0000","","","0","0","2026-11-01T08:00:00+0000","","-2","Europe/Berlin","true","false","","","list","2","1"
    "","Work","Old","TEXT","","","N","","","","","1","2","2026-10-01T08:00:00+0000","2026-10-02T08:00:00+0000","-3","Europe/Berlin","false","false","","","list","3",""
    "","Work","A note","NOTE","","","N","","","","","0","0","2026-10-01T08:00:00+0000","","-4","Europe/Berlin","false","false","","","list","4",""
    """
)
TASKWARRIOR = write_text(
    """
    [
    {"id":1,"description":"Call mum","due":"20261127T160000Z","entry":"20261101T080000Z","priority":"H","project":"Family","status":"pending","tags":["phone"],"uuid":"a1","annotations":[{"entry":"20261101T080000Z","description":"about Sunday"}]},
    {"id":2,"description":"Rent","due":"20261201T080000Z","recur":"monthly","status":"recurring","uuid":"a2"},
    {"id":3,"description":"Rent","due":"20261201T080000Z","recur":"monthly","status":"pending","parent":"a2","uuid":"a3"},
    {"id":0,"description":"Done","end":"20261120T080000Z","status":"completed","uuid":"a4"},
    {"id":0,"description":"Gone","status":"deleted","uuid":"a5"},
    {"id":6,"description":"Bad","due":"00000000T000000Z","status":"pending","uuid":"a6"}
    ]
    """
)
ICAL = write_text(
    """
    BEGIN:VCALENDAR
    VERSION:2.0
    PRODID:-//Nextcloud Tasks v0.16
    BEGIN:VTODO
    UID:u1
    SUMMARY:Feed the cat
    DESCRIPTION:Twice\\, please
    DUE;TZID=Europe/Berlin:20261127T180000
    PRIORITY:1
    CATEGORIES:home,cat
    RRULE:FREQ=DAILY
    BEGIN:VALARM
    ACTION:DISPLAY
    TRIGGER;RELATED=END:-PT15M
    END:VALARM
    END:VTODO
    BEGIN:VTODO
    UID:u2
    SUMMARY:Buy food
    DUE;VALUE=DATE:20261128
    RELATED-TO:u1
    END:VTODO
    BEGIN:VTODO
    UID:u3
    SUMMARY:Vet
    STATUS:COMPLETED
    COMPLETED:20261120T100000Z
    END:VTODO
    BEGIN:VTODO
    UID:u4
    SUMMARY:Never
    DUE:20261127T100000Z
    RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30
    END:VTODO
    BEGIN:VEVENT
    UID:e1
    SUMMARY:A party
    DTSTART:20261127T100000Z
    END:VEVENT
    END:VCALENDAR
    """
)
GOOGLE = write_text(
    """
    {"kind": "tasks#taskLists", "items": [
      {"kind": "tasks#tasks", "id": "l1", "title": "My Tasks", "items": [
        {"id": "g1", "title": "Book flights", "notes": "window", "status": "needsAction", "due": "2026-12-05T00:00:00Z"},
        {"id": "g2", "title": "Pack", "parent": "g1", "status": "needsAction"},
        {"id": "g3", "title": "Passport", "status": "completed", "completed": "2026-11-19T12:00:00Z"},
        {"id": "g4", "title": "", "status": "needsAction"}]}]}
    """
)
VIKUNJA_DATA = write_text(
    """
    [{"id": 1, "title": "Garden", "tasks": [
      {"id": 11, "title": "Mow", "description": "front", "done": false, "due_date": "2026-11-28T10:00:00Z", "priority": 3,
       "labels": [{"title": "outside"}], "repeat_after": 604800, "repeat_mode": 0,
       "reminders": [{"reminder": "2026-11-28T09:00:00Z", "relative_period": -3600, "relative_to": "due_date"}]},
      {"id": 12, "title": "Rake", "done": true, "done_at": "2026-11-20T10:00:00Z", "due_date": "0001-01-01T00:00:00Z",
       "related_tasks": {"parenttask": [{"id": 11}]}}]}]
    """
)
PLAIN = write_text(
    """
    # Shopping
    - [ ] Milk
        - [x] Oat milk
    * Bread
    Call the dentist
    """
)


def pack(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()
