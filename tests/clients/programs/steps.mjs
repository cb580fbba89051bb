// The steps that every client plays, and their report: one line of JSON on standard output.

export const title = process.env.CLIENT_TITLE;
export const over = process.argv[2];
export const url = process.env.CLIENT_URL;
export const command = JSON.parse(process.env.CLIENT_COMMAND);

export async function play(listTools, call) {
  report({
    tools: await listTools(),
    made: await call("create_task", { title, due: "2030-01-02", tags: ["x"] }),
    found: await call("find_tasks", { text: title, status: "open" }),
    wrong: await call("get_task", { task_id: "none such" }),
  });
}

export function report(seen) {
  console.log(JSON.stringify(seen));
}
