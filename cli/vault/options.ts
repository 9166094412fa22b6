import { isBelowMount, parseLease } from '../../contract/lease.ts';
import { parseName, parseRole } from '../../contract/names.ts';
import { parseVaultPath } from '../../contract/values.ts';

/** Options for the auth method and the KV mount. */
export interface MountOptions {
	readonly audience: string;
	readonly type: 'kubernetes' | 'jwt';
	/** Mount path of the auth method; its type by default. */
	readonly mount?: string | undefined;
	readonly kv: string;
}

/** Options of `envtier vault setup`. */
export interface SetupOptions extends MountOptions {
	readonly role: string;
	readonly namespace: readonly string[];
	readonly serviceAccount: readonly string[];
	readonly org?: string | undefined;
	readonly deployment?: string | undefined;
	readonly service: readonly string[];
	readonly kvVersion: '1' | '2';
	/** Grants the deployment named after the pod's namespace, or after its namespace and service account. */
	readonly own?: 'namespace' | 'account' | undefined;
	/** Grants the decryption of sealed values. */
	readonly sealed?: boolean | undefined;
	readonly transit: string;
	/** Grants the versions of the tiers in one request. */
	readonly refresh?: boolean | undefined;
	/** Values of the annotation `envtier.dev/lease.NAME` that are granted. */
	readonly lease: readonly string[];
}

/** Options for the role of one of Envtier's own programs: `envtier vault setup-reveal`. */
export interface ProgramOptions extends MountOptions {
	readonly namespace: string;
	readonly serviceAccount: string;
}

/** Options of `envtier vault setup-api`. */
export interface ApiOptions extends ProgramOptions {
	/** Grants no change of who has access: only the Reveal program changes that. */
	readonly besideReveal?: boolean | undefined;
}

/** Matches all names. */
export const ANY = '*';

/** The error in the options of `envtier vault setup`; undefined if they are correct. */
export function setupProblem(options: SetupOptions): string | undefined {
	const { org, deployment, service, namespace, serviceAccount } = options;
	if (namespace.length === 0 || serviceAccount.length === 0)
		return '--namespace and --service-account are missing: they select the pods that may log in';
	const wrong = wrongName({
		'--org': org === undefined ? [] : [org],
		'--deployment': deployment === undefined ? [] : [deployment],
		'--service': service,
		'--namespace': onlyAny(namespace) ? [] : namespace,
		'--service-account': onlyAny(serviceAccount) ? [] : serviceAccount,
	});
	if (wrong !== undefined) return wrong;
	const nothing = grantProblem(options);
	if (nothing !== undefined) return nothing;
	if (namespace.includes(ANY) && !serviceAccount.includes(ANY))
		return 'a service account’s name is not unique without its namespace: name the namespaces';
	const roleName = parseRole(options.role);
	if (!roleName.ok) return `the role must be ${roleName.error}`;
	if (options.refresh && options.kvVersion === '1') return '--refresh needs KV version 2, which has versions';
	return wrongPath({ '--transit': options.transit }) ?? leaseProblem(options) ?? mountProblem(options);
}

function leaseProblem({ lease: leases, kv, transit }: SetupOptions): string | undefined {
	for (const text of leases) {
		const lease = parseLease(text);
		if (!lease.ok) return `--lease must be ${lease.error}`;
		const mount = [kv, transit].find((one) => isBelowMount(lease.value.path, one));
		if (mount !== undefined) return `--lease names a path in the mount "${mount}", which issues no leases`;
	}
	return undefined;
}

function grantProblem({ org, deployment, service, own, sealed }: SetupOptions): string | undefined {
	if (service.length > 0 && deployment === undefined)
		return '--service needs --deployment: a service is part of one';
	if (own !== undefined && deployment !== undefined) return '--own and --deployment exclude each other';
	if (org === undefined && deployment === undefined && own === undefined && !sealed)
		return 'the role would grant nothing: add --deployment, --own or --org';
	return undefined;
}

/** The error in the options of `envtier vault setup-api` or `setup-reveal`; undefined if there is none. */
export function programProblem(options: ProgramOptions): string | undefined {
	const names = { '--namespace': [options.namespace], '--service-account': [options.serviceAccount] };
	return wrongName(names) ?? mountProblem(options);
}

function wrongName(namesByOption: Readonly<Record<string, readonly string[]>>): string | undefined {
	for (const [option, names] of Object.entries(namesByOption)) {
		const wrong = names.map((name) => parseName(name)).find((parsed) => !parsed.ok);
		if (wrong?.ok === false) return `${option} must be ${wrong.error}`;
	}
	return undefined;
}

function wrongPath(pathByOption: Readonly<Record<string, string | undefined>>): string | undefined {
	for (const [option, path] of Object.entries(pathByOption)) {
		const parsed = path === undefined ? undefined : parseVaultPath(path);
		if (parsed?.ok === false) return `${option} must be ${parsed.error}`;
	}
	return undefined;
}

function mountProblem({ mount, kv, audience }: MountOptions): string | undefined {
	const wrong = wrongPath({ '--mount': mount, '--kv': kv });
	if (wrong !== undefined) return wrong;
	// Vault's own commands and its documentation show the path with this prefix.
	if (mount?.startsWith('auth/')) return `--mount must be without "auth/": ${mount.slice('auth/'.length)}`;
	return /^[-A-Za-z0-9:/._@]+$/.test(audience)
		? undefined
		: '--audience contains characters that are not allowed';
}

function onlyAny(names: readonly string[]): boolean {
	return names.length === 1 && names[0] === ANY;
}
