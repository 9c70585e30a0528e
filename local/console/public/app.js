const POLL_MS = 1000;
const $ = (id) => document.getElementById(id);
const form = $("form");
const fields = [...form.elements].filter((element) => element.name);
let chosen = location.hash.slice(1);
/** Last drawn content by place: what has not changed is not drawn again, so a selection or a scroll stays. */
const drawn = new Map();

async function api(method, path, body) {
  const response = await fetch(`/api/${path}`, {
    method,
    headers: body ? { "content-type": "application/json" } : {},
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const answer = response.status === 204 ? undefined : await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function say(text, kind = "quiet") {
  $("message").textContent = text;
  $("message").className = `wide ${kind}`;
}

/** Draws only when the content differs from what is there. */
function draw(place, content, make) {
  const text = JSON.stringify(content);
  if (drawn.get(place) === text) return;
  drawn.set(place, text);
  place.replaceChildren(...[make(content)].flat());
}

async function listAccounts() {
  const accounts = await api("GET", "accounts");
  $("no-accounts").hidden = accounts.length > 0;
  draw($("accounts"), [accounts, chosen], () => accounts.map(accountItem));
}

function accountItem({ Id, Name, Plan__c }) {
  const name = element("span", {}, Name);
  const button = element(
    "button",
    { type: "button", "data-id": Id },
    name,
    element("span", { class: "quiet" }, Plan__c ?? ""),
  );
  if (Id === chosen) button.setAttribute("aria-current", "true");
  button.addEventListener("click", () => choose(Id));
  return element("li", {}, button);
}

/** Opens an account, or an empty form when there is no id. */
async function choose(id) {
  chosen = id;
  history.replaceState(null, "", id ? `#${id}` : "#");
  say("");
  form.reset();
  $("delete").hidden = !id;
  $("save").textContent = id ? "Save in Salesforce" : "Create account";
  $("form-title").textContent = "New account";
  $("targets-hint").hidden = Boolean(id);
  for (const article of document.querySelectorAll("article")) article.hidden = !id;
  if (id) {
    const account = await api("GET", `accounts/${id}`);
    $("form-title").textContent = account.Name;
    for (const field of fields) field.value = account[field.name] ?? "";
  }
  drawn.clear();
  await refresh();
}

async function save(event) {
  event.preventDefault();
  const values = Object.fromEntries(fields.map(({ name, value }) => [name, value.trim() === "" ? null : value]));
  if (!chosen) {
    const { id } = await api("POST", "accounts", values);
    await choose(id);
    say("Created in Salesforce.", "good");
    return;
  }
  await api("PATCH", `accounts/${chosen}`, values);
  $("form-title").textContent = values.Name;
  say("Saved in Salesforce.", "good");
  await refresh();
}

async function remove() {
  const name = $("form-title").textContent;
  if (!confirm(`Delete ${name} in Salesforce?`)) return;
  await api("DELETE", `accounts/${chosen}`);
  await choose("");
  say(`${name} is deleted in Salesforce.`, "good");
}

/** Runs an action of the person; what Salesforce refuses is said beside the form. */
const act = (action) => async (event) => {
  $("save").disabled = true;
  try {
    await action(event);
  } catch (error) {
    say(error.message, "bad");
  } finally {
    $("save").disabled = false;
  }
};

async function refresh() {
  await listAccounts();
  const id = chosen;
  if (!id) return;
  const targets = await api("GET", `accounts/${id}/targets`);
  if (id !== chosen) return;
  for (const [name, view] of Object.entries(targets)) {
    const place = document.querySelector(`[data-target="${name}"] > div`);
    draw(place, view, () => (view.problem ? problem(view.problem) : painters[name](view.found)));
  }
}

const problem = (text) => element("p", { class: "bad" }, text);
const nothing = (text) => element("p", { class: "quiet" }, text);

function list(rows) {
  const shown = rows.filter(([, value]) => value !== undefined && value !== null && value !== "");
  return element(
    "dl",
    {},
    ...shown.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, String(value))]),
  );
}

const address = (parts, names) =>
  names
    .map((name) => parts?.[name])
    .filter(Boolean)
    .join(", ");

const painters = {
  store(item) {
    if (!item) return nothing("Nothing yet.");
    const { customer } = item;
    return list([
      ["State", item.deleted ? "deleted" : "live"],
      ["Name", customer?.name],
      ["E-mail", customer?.email],
      ["Phone", customer?.phone],
      ["Plan", customer?.plan],
      ["Address", address(customer?.address, ["street", "city", "state", "postalCode", "country"])],
      ["Stripe id", item.links?.stripe?.id],
      ["Version", item.version?.split("/")[0]],
      ["Correlation", item.correlationId],
    ]);
  },
  billing(customers) {
    if (customers.length === 0) return nothing("No customer yet.");
    return customers.map((customer) =>
      list([
        ["Id", customer.id],
        ["Name", customer.name],
        ["E-mail", customer.email],
        ["Phone", customer.phone],
        ["Plan", customer.metadata.plan],
        ["Address", address(customer.address, ["line1", "line2", "city", "state", "postal_code", "country"])],
        ["Archived", customer.metadata.archived_at],
      ]),
    );
  },
  slack(messages) {
    if (messages.length === 0) return nothing("No message yet.");
    return messages.map(({ ts, text }) => {
      const time = new Date(Number(ts) * 1000).toLocaleTimeString();
      return element("blockquote", {}, element("span", { class: "quiet" }, `${time}  `), text);
    });
  },
  trace(trace) {
    if (!trace) return nothing("No trace yet.");
    const hops = trace.hops.map(({ name, after, took, failed }) =>
      element(
        "li",
        {},
        element("span", {}, `+${after} ms`),
        element("span", failed ? { class: "bad" } : {}, failed ? `${name} (failed)` : name),
        element("span", {}, took === null ? "running" : `${took} ms`),
      ),
    );
    return [element("code", {}, trace.traceId), element("ol", {}, ...hops)];
  },
};

async function poll() {
  try {
    if (!document.hidden) await refresh();
    if ($("message").dataset.lost) say("");
    delete $("message").dataset.lost;
  } catch {
    $("message").dataset.lost = "true";
    say("The fleet does not answer. Is it still running?", "bad");
  }
  setTimeout(poll, POLL_MS);
}

async function start() {
  for (const plan of await api("GET", "plans")) form.elements.Plan__c.append(new Option(plan));
  form.addEventListener("submit", act(save));
  $("delete").addEventListener("click", act(remove));
  $("new").addEventListener(
    "click",
    act(async () => {
      await choose("");
      form.elements.Name.focus();
    }),
  );
  await choose(chosen).catch(() => choose(""));
  poll();
}

start().catch((error) => say(error.message, "bad"));
