import type { Kernel } from "../kernel/kernel.ts";
import { arn } from "../kernel/names.ts";
import { page } from "../kernel/page.ts";
import type { Operation } from "../kernel/service.ts";
import { alreadyExists, constraint, notFound, validation } from "./errors.ts";
import type { Archive, Arrival } from "./model.ts";
import { compiled, type Store } from "./store.ts";

const DAY_MS = 86_400_000;
const NAME = /^[.\-_A-Za-z0-9]{1,48}$/;

interface ArchiveInput {
  readonly ArchiveName: string;
  readonly EventSourceArn?: string;
  readonly Description?: string;
  readonly EventPattern?: string;
  readonly RetentionDays?: number;
}

/** Keeps an event, unless it is a replayed one (archives hold `replay-name` out). */
export function record(archive: Archive, { event, ingestedAt }: Arrival): void {
  if (event["replay-name"] === undefined) archive.events.push({ event, ingestedAt });
}

/** Events that are still within the archive's retention. */
export function liveEvents(archive: Archive, kernel: Kernel): Archive["events"] {
  const { retentionDays } = archive;
  if (retentionDays > 0)
    archive.events = archive.events.filter(
      ({ ingestedAt }) => kernel.clock.elapsed(ingestedAt) < retentionDays * DAY_MS,
    );
  return archive.events;
}

/** @throws AwsError `ResourceNotFoundException` */
export function archiveNamed(store: Store, name: string): Archive {
  const archive = store.archives.get(name);
  if (!archive) throw notFound(`Archive ${name} does not exist.`);
  return archive;
}

/**
 * Makes an archive, or changes the one of that name (a template deployed again).
 * @throws AwsError `ValidationException`, `ResourceNotFoundException`, `InvalidEventPatternException`
 */
export function defineArchive(store: Store, input: ArchiveInput): Archive {
  const { ArchiveName, EventSourceArn, Description, EventPattern, RetentionDays = 0 } = input;
  if (!NAME.test(ArchiveName))
    throw constraint(
      ArchiveName,
      "archiveName",
      String.raw`Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+`,
    );
  const bus = store.bus(EventSourceArn);
  const existing = store.archives.get(ArchiveName);
  const archive: Archive = {
    name: ArchiveName,
    arn: arn("events", `archive/${ArchiveName}`),
    busArn: bus.arn,
    createdAt: existing?.createdAt ?? store.clock.now(),
    ...(Description === undefined ? {} : { description: Description }),
    ...compiled(EventPattern),
    retentionDays: checkedRetention(RetentionDays),
    events: existing?.events ?? [],
  };
  store.archives.set(ArchiveName, archive);
  return archive;
}

function checkedRetention(days: number): number {
  if (!Number.isInteger(days) || days < 0)
    throw constraint(days, "retentionDays", "Member must have value greater than or equal to 0");
  return days;
}

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html */
export function archiveOperations(kernel: Kernel, store: Store): Record<string, Operation> {
  const access =
    (action: string) =>
    ({ ArchiveName }: ArchiveInput) => [
      { action: `events:${action}`, resource: arn("events", `archive/${ArchiveName}`) },
    ];
  const brief = (archive: Archive) => ({
    ArchiveArn: archive.arn,
    CreationTime: archive.createdAt / 1000,
    State: "ENABLED",
  });
  const listed = (archive: Archive) => {
    const events = liveEvents(archive, kernel);
    return {
      ArchiveName: archive.name,
      EventSourceArn: archive.busArn,
      State: "ENABLED",
      RetentionDays: archive.retentionDays,
      EventCount: events.length,
      SizeBytes: events.reduce((sum, { event }) => sum + Buffer.byteLength(JSON.stringify(event)), 0),
      CreationTime: archive.createdAt / 1000,
    };
  };
  return {
    CreateArchive: {
      access: access("CreateArchive"),
      run: (input: ArchiveInput) => {
        if (store.archives.has(input.ArchiveName)) throw alreadyExists(`Archive ${input.ArchiveName} already exists.`);
        return brief(defineArchive(store, input));
      },
    },
    DescribeArchive: {
      access: access("DescribeArchive"),
      run: ({ ArchiveName }: ArchiveInput) => {
        const archive = archiveNamed(store, ArchiveName);
        return {
          ...listed(archive),
          ArchiveArn: archive.arn,
          ...(archive.description === undefined ? {} : { Description: archive.description }),
          ...(archive.patternText === undefined ? {} : { EventPattern: archive.patternText }),
        };
      },
    },
    ListArchives: {
      access: () => [{ action: "events:ListArchives", resource: "*" }],
      run: ({ NamePrefix = "", EventSourceArn, State = "ENABLED", Limit, NextToken }) => {
        const busArn = EventSourceArn && store.bus(EventSourceArn).arn;
        const found = [...store.archives.values()].filter(
          (archive) =>
            archive.name.startsWith(NamePrefix) && (!busArn || archive.busArn === busArn) && State === "ENABLED",
        );
        const { items, nextToken } = page(found, Limit, NextToken);
        return { Archives: items.map(listed), ...(nextToken ? { NextToken: nextToken } : {}) };
      },
    },
    UpdateArchive: {
      access: access("UpdateArchive"),
      run: (input: ArchiveInput) => {
        const archive = archiveNamed(store, input.ArchiveName);
        if (input.EventPattern === undefined && input.RetentionDays === undefined && input.Description === undefined)
          throw validation("At least one of EventPattern, RetentionDays or Description must be provided.");
        if (input.RetentionDays !== undefined) archive.retentionDays = checkedRetention(input.RetentionDays);
        if (input.EventPattern !== undefined) Object.assign(archive, compiled(input.EventPattern));
        if (input.Description !== undefined) archive.description = input.Description;
        return brief(archive);
      },
    },
    DeleteArchive: {
      access: access("DeleteArchive"),
      run: ({ ArchiveName }: ArchiveInput) => {
        archiveNamed(store, ArchiveName);
        store.archives.delete(ArchiveName);
        return {};
      },
    },
  };
}
