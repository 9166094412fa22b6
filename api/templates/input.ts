import leven from 'leven';
import { ok, type Result } from '../../contract/result.ts';
import { object } from '../../lib/json.ts';
import { type Problem, refuse } from '../problem.ts';
import { validationMessage } from '../schemas/common.ts';
import { StoredTemplate, TemplateQuery, type TemplateService } from '../schemas/templates.ts';

/** A checked template from a request. */
export interface TemplateInput {
	readonly name: string;
	readonly services: readonly TemplateService[];
	readonly force: boolean;
	/** One sentence for each service with fields that are ignored or left out. */
	readonly warnings: readonly string[];
}

type Fields = Readonly<Record<string, unknown>>;

const SERVICE_FIELDS = ['name', 'image', 'secrets'];
/** Maximum size of a service's other fields as JSON, in bytes. */
const MAX_KEPT = 4096;
/** Fields of a Docker Compose file besides its services (Compose specification, top-level elements). */
const TOP_LEVEL = new Set(['version', 'networks', 'volumes', 'configs', 'secrets']);
const isExtension = (field: string): boolean => field.startsWith('x-');
/** Maximum number of warnings. */
const MAX_WARNINGS = 20;
const MAX_FIELDS = 5;

/**
 * Reads a template from a body and the query `?name=`. Other fields of a service (`ports`, `environment`) are
 * kept and ignored; the warnings name them. Other unknown fields are refused.
 */
export function readTemplate(raw: unknown): Result<TemplateInput, Problem> {
	const { query, body } = raw as { query: unknown; body: unknown };
	const parsedQuery = TemplateQuery.safeParse(query, { reportInput: true });
	if (!parsedQuery.success) return refuse(400, validationMessage(parsedQuery.error));
	const fields = object(body);
	const kept = fields === undefined ? body : withoutIgnored(fields);
	const parsed = StoredTemplate.safeParse(kept, { reportInput: true });
	if (!parsed.success) return refuse(400, validationMessage(parsed.error));
	const { name = parsedQuery.data.name, services, force } = parsed.data;
	if (name === undefined) return refuse(400, 'name is required: at the top of the template, or as ?name=');
	if (parsedQuery.data.name !== undefined && parsedQuery.data.name !== name)
		return refuse(400, 'the name at the top of the template and that of ?name= differ');
	return ok({ name, services, force, warnings: warningsOf(body as Fields) });
}

/** A field `__proto__` stays a field, as with `Object.fromEntries`. */
function select(fields: Fields, keep: (field: string) => boolean): Fields {
	return Object.fromEntries(Object.entries(fields).filter(([field]) => keep(field)));
}

function withoutIgnored(body: Fields): Fields {
	const template = select(body, (field) => !TOP_LEVEL.has(field) && !isExtension(field));
	const { services } = template;
	if (!Array.isArray(services)) return template;
	return {
		...template,
		services: services.map((one: unknown) => {
			const service = object(one);
			if (service === undefined) return one;
			const { kept: fields } = splitOtherFields(service);
			return select(service, (field) => SERVICE_FIELDS.includes(field) || fields.includes(field));
		}),
	};
}

/** The names of a service's other fields. They are kept unless they are too long together. */
function splitOtherFields(service: Fields): Readonly<Record<'kept' | 'tooLong', readonly string[]>> {
	const names = Object.keys(service).filter((field) => !SERVICE_FIELDS.includes(field));
	const bytes = Buffer.byteLength(JSON.stringify(select(service, (field) => names.includes(field))));
	return bytes > MAX_KEPT ? { kept: [], tooLong: names } : { kept: names, tooLong: [] };
}

function warningsOf(body: Fields): readonly string[] {
	const top = Object.keys(body).filter((field) => TOP_LEVEL.has(field) || isExtension(field));
	const warnings = top.length > 0 ? [`${listOf(top)} of the template: ignored`] : [];
	const services = (Array.isArray(body['services']) ? body['services'] : []) as readonly Fields[];
	for (const service of services) {
		const warning = warningOf(service);
		if (warning !== undefined) warnings.push(warning);
	}
	const more = warnings.length - MAX_WARNINGS;
	return more > 0 ? [...warnings.slice(0, MAX_WARNINGS), `${more} more services have such fields`] : warnings;
}

function warningOf(service: Fields): string | undefined {
	const { kept, tooLong } = splitOtherFields(service);
	const outcomes: readonly (readonly [readonly string[], string])[] = [
		[kept, `kept and ignored${guess(kept)}`],
		[tooLong, `left out, for together they have more than ${MAX_KEPT} bytes`],
	];
	const [first] = outcomes.filter(([fields]) => fields.length > 0);
	return first === undefined
		? undefined
		: `${listOf(first[0])} of the service ${service['name']}: ${first[1]}`;
}

function listOf(fields: readonly string[]): string {
	const names = fields.slice(0, MAX_FIELDS).map((field) => JSON.stringify(field.slice(0, 64)));
	const more = fields.length - names.length;
	return `${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** A suggestion for a field whose name is close to one of Envtier's. */
function guess(fields: readonly string[]): string {
	const near = fields
		.slice(0, MAX_FIELDS)
		.flatMap((field) =>
			SERVICE_FIELDS.filter((name) => field.length < 64 && leven(field.toLowerCase(), name) <= 2),
		);
	return near[0] === undefined ? '' : `; did you mean "${near[0]}"?`;
}
