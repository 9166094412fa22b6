import { API_VARIABLES, type ApiVariable, SHARED_VARIABLES } from '../../api/settings/variables.ts';
import { KEYED_ANNOTATIONS, VARIABLES, type Variable } from '../../contract/variables.ts';
import { blocks, code, prose, table } from './markdown.ts';

const entries: readonly (readonly [string, Variable])[] = [
	...Object.entries(VARIABLES),
	...Object.entries(KEYED_ANNOTATIONS).map(([name, variable]) => [`${name}KEY`, variable] as const),
];

function fallback({ default: value, required }: Variable): string {
	if (required) return '**required**';
	return value === undefined ? 'none' : code(value);
}

function part(title: string, intro: string, readBy: string): string {
	const rows = entries.filter(([, variable]) => variable.readBy.join(' and ') === readBy);
	return blocks(
		`### ${title}`,
		intro,
		table(
			['variable', 'meaning', 'default'],
			rows.map(([name, variable]) => [code(name), prose(variable.meaning), fallback(variable)]),
		),
	);
}

const ofTheApi: readonly (readonly [string, ApiVariable])[] = Object.entries(API_VARIABLES);

function apiPart(): string {
	return blocks(
		'### Read by the secrets API',
		`Set on [the secrets API](api.md). Where Vault is, it takes from the same variables as the others: ${SHARED_VARIABLES.map(code).join(', ')}. It needs KV version 2.`,
		table(
			['variable', 'meaning', 'default'],
			ofTheApi.map(([name, { meaning, default: value }]) => [
				code(name),
				prose(meaning),
				value === undefined ? 'none' : code(value),
			]),
		),
	);
}

/** The reference's part on the environment variables of all processes. */
export function variablesSection(): string {
	return blocks(
		'## Settings',
		'Every process is configured by environment variables alone. An empty variable counts as unset. A process whose settings are wrong says so for all of them at once, naming each and what is accepted, and ends.',
		part(
			'Read by the webhook and the fetcher',
			'Set on the webhook, which hands them to the fetcher as plain variables of the init container, readable in `kubectl describe pod`.',
			'webhook and fetcher',
		),
		part('Read by the webhook alone', 'Set on the webhook’s Deployment.', 'webhook'),
		part(
			'Read by the fetcher alone',
			'Set by the webhook from the pod’s annotations; useful to know when reading a pod or when running the fetcher by hand.',
			'fetcher',
		),
		apiPart(),
	);
}
