// Markup in which every value is escaped unless it is markup itself.

export class Html {
  constructor(private readonly text: string) {}

  toString(): string {
    return this.text;
  }
}

export type Value = Html | string | number | undefined | null | false | Value[];

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function render(value: Value): string {
  if (value === undefined || value === null || value === false) return '';
  if (Array.isArray(value)) return value.map(render).join('');
  if (value instanceof Html) return value.toString();
  return String(value).replace(/[&<>"']/g, (character) => ENTITIES[character] as string);
}

/** A template of markup: text and attribute values (quoted ones) come out as they went in. */
export function html(parts: TemplateStringsArray, ...values: Value[]): Html {
  return new Html(parts.map((part, i) => part + render(values[i])).join(''));
}
