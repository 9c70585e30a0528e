import type { Field, FieldType, ObjectType } from "../fields.ts";
import { childrenOf } from "../soql/relationships.ts";
import { accessTo, type Scope } from "../soql/scope.ts";

const NUMBERS: Readonly<Partial<Record<FieldType, { readonly precision: number; readonly scale: number }>>> = {
  currency: { precision: 18, scale: 2 },
  double: { precision: 18, scale: 15 },
};

const SOAP_TYPES: Readonly<Partial<Record<FieldType, string>>> = {
  id: "tns:ID",
  reference: "tns:ID",
  boolean: "xsd:boolean",
  int: "xsd:int",
  double: "xsd:double",
  currency: "xsd:double",
  date: "xsd:date",
  datetime: "xsd:dateTime",
  address: "urn:address",
};

/** An object as the list of all objects shows it. */
export function summaryOf({ version }: Scope, type: ObjectType): Record<string, unknown> {
  const url = `/services/data/v${version}/sobjects/${type.name}`;
  const isCustom = type.name.endsWith("__c");
  return {
    name: type.name,
    label: type.label,
    labelPlural: type.labelPlural,
    keyPrefix: type.keyPrefix,
    activateable: false,
    associateEntityType: null,
    associateParentEntity: null,
    custom: isCustom,
    customSetting: false,
    createable: type.writable,
    deletable: type.writable,
    deprecatedAndHidden: false,
    feedEnabled: false,
    hasSubtypes: false,
    isInterface: false,
    isSubtype: false,
    layoutable: true,
    mergeable: ["Account", "Contact", "Lead"].includes(type.name),
    mruEnabled: true,
    queryable: true,
    replicateable: true,
    retrieveable: true,
    searchable: true,
    triggerable: type.writable,
    undeletable: type.writable,
    updateable: type.writable,
    urls: { sobject: url, describe: `${url}/describe`, rowTemplate: `${url}/{ID}` },
  };
}

/**
 * All that the org tells about an object; `type` is the object as the user sees it.
 * https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_describesobjects_describesobjectresult.htm
 */
export function describeObject(scope: Scope, type: ObjectType): Record<string, unknown> {
  return {
    ...summaryOf(scope, type),
    actionOverrides: [],
    childRelationships: childrenOf(type).map(({ name, child, field }) => ({
      cascadeDelete: false,
      childSObject: child.name,
      deprecatedAndHidden: false,
      field: field.name,
      junctionIdListNames: [],
      junctionReferenceTo: [],
      relationshipName: name,
      restrictedDelete: false,
    })),
    compactLayoutable: true,
    fields: [...type.fields.values()].map((field) => describeField(scope, type, field)),
    recordTypeInfos: [],
    searchLayoutable: true,
    supportedScopes: [{ label: `All ${type.labelPlural.toLowerCase()}`, name: "everything" }],
  };
}

function describeField(scope: Scope, type: ObjectType, field: Field): Record<string, unknown> {
  const isReadOnly = accessTo(scope.org, scope.userId, type, field) === "readOnly";
  const isLong = field.type === "textarea" && (field.length ?? 0) > 255;
  const isCompound = field.type === "address";
  const isDefaulted = field.type === "boolean" || field.name === "OwnerId";
  return {
    name: field.name,
    label: field.label,
    type: field.type,
    soapType: SOAP_TYPES[field.type] ?? "xsd:string",
    length: field.type === "id" || field.type === "reference" ? 18 : (field.length ?? 0),
    byteLength: field.type === "id" || field.type === "reference" ? 18 : (field.length ?? 0) * 3,
    digits: field.type === "int" ? 8 : 0,
    precision: NUMBERS[field.type]?.precision ?? 0,
    scale: NUMBERS[field.type]?.scale ?? 0,
    aggregatable: !isCompound && !isLong && field.type !== "boolean",
    autoNumber: false,
    calculated: field.formula !== undefined,
    calculatedFormula: field.formula ? formulaText(type, field) : null,
    caseSensitive: false,
    compoundFieldName: field.compound?.name ?? null,
    createable: field.createable && !isReadOnly,
    custom: field.name.endsWith("__c"),
    defaultValue: field.type === "boolean" ? false : null,
    defaultedOnCreate: isDefaulted || !field.createable,
    dependentPicklist: false,
    deprecatedAndHidden: false,
    encrypted: false,
    externalId: field.externalId ?? false,
    filterable: !isCompound && !isLong,
    groupable: !isCompound && !isLong && !["datetime", "double", "currency"].includes(field.type),
    htmlFormatted: false,
    idLookup: field.name === "Id" || (field.externalId ?? false) || (field.name === "Email" && type.name !== "User"),
    inlineHelpText: null,
    nameField: field.name === "Name",
    namePointing: false,
    nillable: !field.required && field.type !== "boolean" && !isAlwaysThere(field),
    permissionable: !field.required && (field.createable || field.formula !== undefined),
    picklistValues: (field.values ?? []).map(picklistValue),
    polymorphicForeignKey: false,
    queryByDistance: false,
    referenceTo: field.referenceTo ? [field.referenceTo] : [],
    relationshipName: field.relationshipName ?? null,
    relationshipOrder: null,
    restrictedPicklist: field.restricted ?? false,
    sortable: !isCompound && !isLong && field.type !== "multipicklist",
    unique: field.unique ?? false,
    updateable: field.updateable && !isReadOnly,
  };
}

function picklistValue(value: string): Record<string, unknown> {
  return { active: true, defaultValue: false, label: value, validFor: null, value };
}

function formulaText(type: ObjectType, { formula }: Field): string | null {
  const key = formula && type.fields.get(formula.parent.toLowerCase());
  return formula && key ? `TEXT(${key.relationshipName}.${formula.field})` : null;
}

/** Fields that Salesforce itself fills on every record. */
function isAlwaysThere(field: Field): boolean {
  return [
    "Id",
    "OwnerId",
    "CreatedDate",
    "CreatedById",
    "LastModifiedDate",
    "LastModifiedById",
    "SystemModstamp",
  ].includes(field.name);
}
