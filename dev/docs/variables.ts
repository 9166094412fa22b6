import { API_VARIABLES, type ApiVariable } from '../../api/settings/variables.ts';
import { KEYED_ANNOTATIONS, SHARED_VARIABLES, VARIABLES, type Variable } from '../../contract/variables.ts';
import { CONTROLLER_VARIABLES, type ControllerVariable } from '../../controller/variables.ts';
import { blocks, code, prose, table } from './markdown.ts';

const entries: readonly (readonly [string, Variable])[] = [
	...Object.entries(VARIABLES),
	...Object.entries(KEYED_ANNOTATIONS).map(
		([name, variable]) => [name + (name === 'ENVTIER_LEASE_' ? 'NAME' : 'KEY'), variable] as const,
	),
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
		`Set these on [the secrets API](api.md). It also reads these variables, which have the same meaning as for the other programs: ${SHARED_VARIABLES.map(code).join(', ')}. It needs KV version 2.`,
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

const ofTheController: readonly (readonly [string, ControllerVariable])[] =
	Object.entries(CONTROLLER_VARIABLES);

function controllerPart(): string {
	return blocks(
		'### Read by the controller',
		`Set these on [the controller](controller.md). It also reads these variables, which have the same meaning as for the other programs: ${SHARED_VARIABLES.map(code).join(', ')}. Rollouts need KV version 2. [ManagedSecrets](managed-secret-crd.md) read the secrets of pods, so for them \`ENVTIER_DEFAULT_ROLE\`, \`ENVTIER_TOKEN_AUDIENCE\`, \`ENVTIER_ORG_LABEL\`, \`ENVTIER_DEFAULT_ORG\` and \`ENVTIER_VAULT_KV_VERSION\` count as well.`,
		table(
			['variable', 'meaning', 'default'],
			ofTheController.map(([name, { meaning, default: value }]) => [
				code(name),
				prose(meaning),
				value === undefined ? 'none' : code(value),
			]),
		),
	);
}

/** The section about the environment variables of all processes. */
export function variablesSection(): string {
	return blocks(
		'## Settings',
		'Environment variables configure every process; the secrets API can also read a file. An empty variable counts as unset. If settings are wrong, the process names all of them with the accepted values, and exits.',
		part(
			'Read by the webhook and the fetcher',
			'Set these on the webhook. It passes them to the fetcher as plain variables of the init container, which `kubectl describe pod` shows.',
			'webhook and fetcher',
		),
		part('Read only by the webhook', 'Set these on the webhook’s Deployment.', 'webhook'),
		part(
			'Read only by the fetcher',
			'The webhook sets these from the pod’s annotations. You need them to understand a pod, or to run the fetcher by hand.',
			'fetcher',
		),
		apiPart(),
		controllerPart(),
	);
}
