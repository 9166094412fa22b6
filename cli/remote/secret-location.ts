import { parseName } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';

/** Options that name the location of secrets. */
export interface LocationOptions {
	readonly deployment?: string | undefined;
	readonly service?: string | undefined;
	readonly template?: string | undefined;
	readonly org?: boolean | undefined;
}

/** The location of secrets, in the API's terms. */
export interface SecretLocation {
	/** `/api/secrets` or `/api/org/secrets`. */
	readonly path: '/api/secrets' | '/api/org/secrets';
	/** Empty for the caller's own secrets, and for the organization. */
	readonly deploymentName: string;
	readonly serviceName: string;
	/** For people: `deployment shop, service web`. */
	readonly title: string;
}

/** Reads the options of a command. The error says which of them contradict one another. */
export function locationOf({ deployment, service, template, org }: LocationOptions): Result<SecretLocation> {
	const problem = contradiction({ deployment, service, template, org });
	if (problem !== undefined) return err(problem);
	if (org === true)
		return ok({ path: '/api/org/secrets', deploymentName: '', serviceName: '', title: 'the organization' });
	const owner = template === undefined ? deployment : `template:${template}`;
	const title = template === undefined ? `deployment ${deployment}` : `template ${template}`;
	return ok({
		path: '/api/secrets',
		deploymentName: owner ?? '',
		serviceName: service ?? '',
		title:
			owner === undefined
				? 'your own secrets, which no pod receives'
				: `${title}${service === undefined ? '' : `, service ${service}`}`,
	});
}

function contradiction({ deployment, service, template, org }: LocationOptions): string | undefined {
	const count = [deployment !== undefined, template !== undefined, org === true].filter(Boolean).length;
	if (count > 1)
		return '--deployment, --template and --org exclude one another: a secret belongs to one of them';
	if (service !== undefined && deployment === undefined && template === undefined)
		return '--service needs --deployment or --template: a service is part of one';
	for (const [option, name] of Object.entries({ deployment, service, template })) {
		const parsed = name === undefined ? undefined : parseName(name);
		if (parsed?.ok === false) return `--${option} must be ${parsed.error}`;
	}
	return undefined;
}

/** How many keys of a typed secret are of the last creation or change of it, in the API's responses. */
export interface Incomplete {
	readonly written: number;
	readonly of: number;
}

/** What people are told of a typed secret whose keys do not belong together. */
export function incompleteSentence({ written, of }: Incomplete): string {
	return `only ${written} of ${of} keys are of the last change; repeat it`;
}

/** The warning about the typed secret of a key; empty if its keys belong together. */
export function incompleteWarning(key: string, incomplete: Incomplete | undefined): string {
	if (incomplete === undefined) return '';
	return `warning: the typed secret of ${key}: ${incompleteSentence(incomplete)}\n`;
}

/** A secret in the API's responses. */
export interface SecretSummary {
	readonly id: string;
	readonly key: string;
	readonly deploymentName?: string;
	readonly serviceName?: string;
	readonly description: string;
	readonly tags?: readonly string[];
	readonly expiresAt?: string;
	readonly type: string;
	/** The name of a typed secret; the key itself for other secrets. */
	readonly name: string;
	/** There if the keys of a typed secret do not belong together. */
	readonly incomplete?: Incomplete;
}

/** The secrets that belong to the same typed secret, by a text for each; a key of its own is alone. */
export function byTypedSecret(
	secrets: readonly SecretSummary[],
): ReadonlyMap<string, readonly SecretSummary[]> {
	return Map.groupBy(secrets, ({ type, name, key, deploymentName, serviceName }) =>
		[deploymentName, serviceName, type, type === 'generic' ? key : name].join(' '),
	);
}

/** The type and name of a typed secret, for people; empty for a key of its own. */
export function typeLabel({ type, name }: SecretSummary): string {
	return type === 'generic' ? '' : `${type} ${name}`.trim();
}

/** True for a secret of exactly this location. */
export function isAt({ deploymentName, serviceName }: SecretLocation, secret: SecretSummary): boolean {
	return (secret.deploymentName ?? '') === deploymentName && (secret.serviceName ?? '') === serviceName;
}

/** The owner of a secret, for people. */
export function ownerLabel({ deploymentName = '', serviceName = '' }: SecretSummary, org: boolean): string {
	if (org) return 'organization';
	if (deploymentName === '') return 'your own';
	return serviceName === '' ? deploymentName : `${deploymentName}/${serviceName}`;
}
