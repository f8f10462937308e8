// The view of a TypeBox schema that configuration needs: plain JSON Schema nodes, their expectations and keys.

/** The parts of a JSON Schema node that are read here. */
export interface SchemaNode {
  type?: string;
  properties?: Readonly<Record<string, SchemaNode>>;
  required?: readonly string[];
  additionalProperties?: boolean | SchemaNode;
  patternProperties?: Readonly<Record<string, SchemaNode>>;
  items?: SchemaNode;
  anyOf?: readonly SchemaNode[];
  const?: unknown;
  enum?: readonly unknown[];
  default?: unknown;
  description?: string;
  /** Our own annotation: what to write, for the error line. */
  expected?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  minItems?: number;
  format?: string;
  pattern?: string;
}

/** The values a node allows when it is a closed list (literal, enum, union of literals), else undefined. */
export function choicesOf(node: SchemaNode): unknown[] | undefined {
  if ('const' in node) return [node.const];
  if (node.enum) return [...node.enum];
  if (!node.anyOf) return undefined;
  const parts = node.anyOf.map(choicesOf);
  return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
}

/** Short name of a node's type for docs: 'string', 'integer', 'a|b', 'list of string'. */
export function typeName(node: SchemaNode): string {
  const choices = choicesOf(node);
  if (choices) return choices.map(String).join('|');
  if (node.anyOf) return node.anyOf.map(typeName).join(' or ');
  if (node.type === 'array') return `list of ${node.items ? typeName(node.items) : 'anything'}`;
  return node.type ?? 'anything';
}

/** What a node wants, in words that read on after "expected ". */
export function expectation(node: SchemaNode): string {
  if (node.expected) return node.expected;
  const choices = choicesOf(node);
  if (choices) return choices.length === 1 ? String(choices[0]) : `one of ${choices.map(String).join(', ')}`;
  if (node.anyOf) return node.anyOf.map(expectation).join(' or ');
  switch (node.type) {
    case 'integer':
    case 'number':
      return (node.type === 'integer' ? 'a whole number' : 'a number') + range(node);
    case 'string':
      if (node.format) return `a ${node.format}`;
      if (node.pattern) return `text that matches ${node.pattern}`;
      return node.minLength ? 'text that is not empty' : 'text';
    case 'boolean':
      return 'true or false';
    case 'array':
      return `${node.minItems ? `at least ${node.minItems} of ` : ''}a list of ${node.items ? expectation(node.items) : 'values'}`;
    case 'object':
      return node.properties ? `keys ${Object.keys(node.properties).join(', ')}` : 'a map';
    default:
      return node.description ?? 'another value';
  }
}

function range({ minimum, maximum }: SchemaNode): string {
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`;
  if (minimum !== undefined) return ` of at least ${minimum}`;
  return maximum === undefined ? '' : ` of at most ${maximum}`;
}

/** One documented key. `type` is a short name; `default` is absent when there is none. */
export interface KeyDescription {
  key: string;
  type: string;
  required: boolean;
  default?: unknown;
  description: string;
}

/** Every key of a schema in order, nested ones dotted, list items as `key[]`, for the docs and --help. */
export function describeKeys(schema: object): KeyDescription[] {
  const found: KeyDescription[] = [];
  const walk = (node: SchemaNode, prefix: string): void => {
    for (const [name, child] of Object.entries(node.properties ?? {})) {
      const key = prefix + name;
      const required = (node.required ?? []).includes(name) && child.default === undefined;
      const entry: KeyDescription = {
        key,
        type: typeName(child),
        required,
        description: child.description ?? '',
      };
      found.push(child.default === undefined ? entry : { ...entry, default: child.default });
      if (child.properties) walk(child, `${key}.`);
      else if (child.items?.properties) walk(child.items, `${key}[].`);
    }
  };
  walk(schema as SchemaNode, '');
  return found;
}
