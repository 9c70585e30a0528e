import { page } from "../kernel/page.ts";
import type { Operation } from "../kernel/service.ts";
import { alreadyExists, constraint, notFound, validation } from "./errors.ts";
import type { Bus } from "./model.ts";
import { busArn, busName, DEFAULT_BUS, type Store } from "./store.ts";

const NAME = /^[/.\-_A-Za-z0-9]{1,256}$/;

export interface BusInput {
  readonly Name: string;
  readonly EventSourceName?: string;
  readonly Description?: string;
}

/**
 * Makes a bus, or changes the one of that name. A partner bus bears the name of its event source.
 * https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateEventBus.html
 * @throws AwsError `ValidationException`
 */
export function defineBus(store: Store, { Name, EventSourceName, Description }: BusInput): Bus {
  if (!NAME.test(Name ?? ""))
    throw constraint(Name, "name", String.raw`Member must satisfy regular expression pattern: [/\.\-_A-Za-z0-9]+`);
  if (EventSourceName === undefined) {
    if (Name.includes("/")) throw validation("Event bus name must not contain '/'.");
    if (Name.startsWith("aws.")) throw validation("Event bus name must not start with 'aws.' without EventSourceName.");
  } else if (EventSourceName !== Name || !Name.startsWith("aws.partner/"))
    throw validation("The name of a partner event bus must be its event source name, aws.partner/….");
  const now = store.clock.now();
  const bus: Bus = {
    name: Name,
    arn: busArn(Name),
    createdAt: store.buses.get(Name)?.createdAt ?? now,
    modifiedAt: now,
    ...(EventSourceName === undefined ? {} : { eventSourceName: EventSourceName }),
    ...(Description === undefined ? {} : { description: Description }),
  };
  store.buses.set(Name, bus);
  return bus;
}

export function busOperations(store: Store): Record<string, Operation> {
  const access =
    (action: string) =>
    ({ Name }: { Name?: string }) => {
      const name = busName(Name);
      return [{ action: `events:${action}`, resource: name.startsWith("arn:") ? name : busArn(name) }];
    };
  return {
    CreateEventBus: {
      access: access("CreateEventBus"),
      run: (input: BusInput) => {
        if (store.buses.has(input.Name)) throw alreadyExists(`Event bus ${input.Name} already exists.`);
        const bus = defineBus(store, input);
        return { EventBusArn: bus.arn, ...(bus.description === undefined ? {} : { Description: bus.description }) };
      },
    },
    DescribeEventBus: { access: access("DescribeEventBus"), run: ({ Name }) => described(store.bus(Name)) },
    ListEventBuses: {
      access: () => [{ action: "events:ListEventBuses", resource: "*" }],
      run: ({ NamePrefix = "", Limit, NextToken }) => {
        const found = [...store.buses.values()].filter(({ name }) => name.startsWith(NamePrefix));
        const { items, nextToken } = page(found, Limit, NextToken);
        return { EventBuses: items.map(described), ...(nextToken ? { NextToken: nextToken } : {}) };
      },
    },
    DeleteEventBus: {
      access: access("DeleteEventBus"),
      run: ({ Name }) => {
        const name = busName(Name);
        if (name === DEFAULT_BUS) throw validation("Cannot delete event bus default.");
        if (!store.buses.has(name)) throw notFound(`Event bus ${name} does not exist.`);
        if (store.rulesOf(name).length > 0) throw validation("Event bus can't be deleted since it has rules.");
        store.buses.delete(name);
        return {};
      },
    },
  };
}

function described(bus: Bus) {
  return {
    Name: bus.name,
    Arn: bus.arn,
    ...(bus.description === undefined ? {} : { Description: bus.description }),
    ...(bus.policy ? { Policy: JSON.stringify(bus.policy) } : {}),
    CreationTime: bus.createdAt / 1000,
    LastModifiedTime: bus.modifiedAt / 1000,
  };
}
