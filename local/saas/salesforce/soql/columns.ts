import type { FieldType as SelectedField } from "@jetstreamapp/soql-parser-js";
import type { ObjectType } from "../fields.ts";
import { resolvePath } from "./path.ts";
import { type QueryOptions, readQuery, requireChildren, sourceOf } from "./run.ts";
import { isAggregate, selectionOf } from "./select.ts";

/** A column of a result; columns of parents and children are below that of the relationship. */
export interface ColumnMetadata {
  readonly columnName: string;
  readonly displayName: string;
  /** Whether it stands for several rows. */
  readonly aggregate: boolean;
  readonly joinColumns: ColumnMetadata[];
}

/**
 * The columns of a query without its rows: what the Salesforce CLI asks for with `columns=true`.
 * @throws SalesforceError the errors of any query
 */
export function describeColumns(options: QueryOptions): Record<string, unknown> {
  const query = readQuery(options.soql);
  const type = sourceOf(options, query);
  const selected = query.fields ?? [];
  const groupBy = query.groupBy !== undefined || selected.some(isAggregate);
  const columnMetadata = groupBy ? groupColumns(selected) : rowColumns(options, type, selected, query.limit);
  return {
    columnMetadata,
    entityName: type.name,
    groupBy,
    idSelected: columnMetadata.some(isId),
    keyPrefix: type.keyPrefix,
  };
}

const isId = ({ columnName }: ColumnMetadata) => columnName === "Id";

const column = (columnName: string, rest: Partial<ColumnMetadata> = {}): ColumnMetadata => ({
  columnName,
  displayName: columnName,
  aggregate: false,
  joinColumns: [],
  ...rest,
});

function groupColumns(selected: readonly SelectedField[]): ColumnMetadata[] {
  let unnamed = 0;
  return selected.map((one) => {
    if (one.type === "FieldFunctionExpression")
      return column(one.alias ?? `expr${unnamed++}`, {
        displayName: one.rawValue ?? one.functionName,
        aggregate: true,
      });
    return column(("alias" in one && one.alias) || ("field" in one ? String(one.field) : ""));
  });
}

function rowColumns(
  options: QueryOptions,
  type: ObjectType,
  selected: readonly SelectedField[],
  limit: number | undefined,
): ColumnMetadata[] {
  const { names, subqueries } = selectionOf(options, type, selected, limit);
  const columns: ColumnMetadata[] = [];
  for (const name of names) {
    const { parents, field } = resolvePath(options, type, name);
    let at = columns;
    for (const { key } of parents) at = joined(at, key.relationshipName ?? key.name);
    at.push(column(field.name));
  }
  for (const { relationshipName, fields } of subqueries) {
    const { name, child } = requireChildren(options, type, relationshipName);
    columns.push(column(name, { aggregate: true, joinColumns: rowColumns(options, child, fields ?? [], undefined) }));
  }
  return columns;
}

/** The columns below a relationship, which is added when it is new. */
function joined(columns: ColumnMetadata[], name: string): ColumnMetadata[] {
  const known = columns.find((one) => one.columnName === name && one.joinColumns.length > 0);
  if (known) return known.joinColumns;
  const added = column(name);
  columns.push(added);
  return added.joinColumns;
}
