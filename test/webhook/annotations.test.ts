import type { V1Pod } from '@kubernetes/client-node';
import { describe, expect, test } from 'vitest';
import { admit } from '../../webhook/admission/admit.ts';
import { ANNOTATIONS, type AnnotationName } from '../../webhook/annotations/annotations.ts';
import { ASKS, type Asks, podOf, WEB } from './support/pods.ts';
import { applied, request } from './support/request.ts';
import { type Env, settings } from './support/settings.ts';

const NATIVE: Env = { ENVTIER_NATIVE_ENV: 'true', ENVTIER_DEFAULT_ORG: 'acme' };
const { securityContext: _, ...NAMELESS } = WEB;
const SPEC = {
	containers: [NAMELESS, { ...NAMELESS, name: 'worker' }],
	initContainers: [{ ...NAMELESS, name: 'setup' }],
};

function decide(asks: Asks) {
	const pod = podOf({ ...ASKS, ...asks }, SPEC);
	return { pod, decision: admit(request(pod), settings(NATIVE).injection) };
}

/** The pod that comes of an annotation that is accepted. */
function accepted(asks: Asks): V1Pod {
	const { pod, decision } = decide(asks);
	return applied(pod, decision);
}

/** The message about an annotation that is refused. */
function refused(asks: Asks): string {
	const { decision } = decide(asks);
	if (decision.kind !== 'reject') throw new Error(`not refused but ${decision.kind}`);
	expect(decision.reason).toBe('bad-annotation');
	return decision.message;
}

const fetcher = (pod: V1Pod) =>
	pod.spec?.initContainers?.find(({ name }) => name.startsWith('envtier-fetch'));
const variable = (pod: V1Pod, name: string): string | undefined =>
	fetcher(pod)?.env?.find((each) => each.name === name)?.value;
const readers = (pod: V1Pod): string[] =>
	[...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]
		.filter(({ name, volumeMounts = [] }) => !name.startsWith('envtier-') && volumeMounts.length > 0)
		.map(({ name }) => name);
const mountPath = (pod: V1Pod): string | undefined => pod.spec?.containers[0]?.volumeMounts?.[0]?.mountPath;

/** What no annotation of ours accepts. */
const NEVER: readonly (readonly [string, string])[] = [
	['nothing', ''],
	['a blank', ' '],
	['a climb', '../../orgs/acme'],
	['an escaped climb', '%2e%2e%2f'],
	['a line feed', 'fi\nrst'],
	['a NUL', 'shop\0'],
	['a terminal escape', '\u001b[2Jshop'],
	['a reference to a variable', '$(ENVTIER_VAULT_ADDR)'],
	['a command', '`id`'],
	['a look-alike letter', 'sh\u043ep'],
	['full-width digits', '１０００'],
	['a right-to-left override', '\u202eshop'],
	['a lone surrogate', 'shop\ud83e'],
	['256 KiB of letters', 'A'.repeat(256 * 1024)],
	['256 KiB of commas', ','.repeat(256 * 1024)],
	['256 KiB of one name after another', 'A,'.repeat(128 * 1024)],
];

interface Table {
	/** What is looked at in the pod, what is written, what comes of it. */
	readonly sees?: (pod: V1Pod) => unknown;
	readonly accepts: readonly (readonly [sentence: string, value: string, result: unknown])[];
	readonly refuses: readonly (readonly [sentence: string, value: string])[];
}

const NAME_REFUSALS = [
	['an upper-case letter', 'Shop'],
	['an underscore', 'my_shop'],
	['a slash', 'shop/web'],
	['a dot at the end', 'shop.'],
	['a label of 64', 'a'.repeat(64)],
	['a list', 'shop,web'],
	['a line feed behind', 'shop\n'],
] as const;

const TABLES: Readonly<Record<AnnotationName, Table>> = {
	deployment: {
		sees: (pod) => variable(pod, 'ENVTIER_DEPLOYMENT'),
		accepts: [
			['a label', 'shop-2', 'shop-2'],
			['a subdomain', 'shop.eu.example', 'shop.eu.example'],
			['what every JavaScript object has', 'constructor', 'constructor'],
		],
		refuses: NAME_REFUSALS,
	},
	service: {
		sees: (pod) => variable(pod, 'ENVTIER_SERVICE'),
		accepts: [['a label', 'web', 'web']],
		refuses: NAME_REFUSALS,
	},
	org: {
		sees: (pod) => variable(pod, 'ENVTIER_ORG'),
		accepts: [['a label, over the operator’s', 'globex', 'globex']],
		refuses: NAME_REFUSALS,
	},
	inject: {
		sees: (pod) => fetcher(pod)?.name,
		accepts: [['true', 'true', 'envtier-fetch']],
		refuses: [
			['another case', 'False'],
			['a number', '0'],
			['a word of YAML', 'no'],
			['false with a blank', 'false '],
		],
	},
	role: {
		sees: (pod) => variable(pod, 'ENVTIER_VAULT_ROLE'),
		accepts: [
			['all signs that Vault takes', 'Shop_web-1.v2', 'Shop_web-1.v2'],
			['253 characters', 'r'.repeat(253), 'r'.repeat(253)],
		],
		refuses: [
			['254 characters', 'r'.repeat(254)],
			['a slash', 'kubernetes/login'],
			['a placeholder, which is the operator’s', '{serviceAccount}'],
			['a dot in front', '.role'],
		],
	},
	tiers: {
		sees: (pod) => variable(pod, 'ENVTIER_TIERS'),
		accepts: [
			['one', 'org', 'org'],
			['several in merge order', 'service , org', 'org,service'],
		],
		refuses: [
			['an unknown one', 'deployment,cluster'],
			['one twice', 'org,org'],
			['another case', 'Org'],
		],
	},
	require: {
		sees: (pod) => variable(pod, 'ENVTIER_REQUIRE'),
		accepts: [
			['one', 'A', 'A'],
			['several', ' A, b_2 ,_', 'A,b_2,_'],
		],
		refuses: [
			['a digit in front', '1A'],
			['a hyphen', 'A-B'],
			['one twice', 'A,A'],
			['a comma behind', 'A,'],
			[
				'more than an environment variable can hold',
				Array.from({ length: 20_000 }, (_, i) => `K${i}`).join(','),
			],
		],
	},
	keys: {
		sees: (pod) => variable(pod, 'ENVTIER_KEYS'),
		accepts: [
			['one', 'A', 'A'],
			['several in whatever order', ' B, A = C ,_', 'A=C,B,_'],
			['one under its own name', 'A=A', 'A'],
			['one under two names', 'A, B=A', 'A,B=A'],
			['all', ' * ', '*'],
		],
		refuses: [
			['a hyphen', 'A-B'],
			['a name without a key', 'A='],
			['a key without a name', '=A'],
			['two equals signs', 'A=B=C'],
			['two keys of one name', 'A, A=B'],
			['a glob', 'DB_*'],
			['all and one', '*, A'],
		],
	},
	prefix: {
		sees: (pod) => variable(pod, 'ENVTIER_PREFIX'),
		accepts: [
			['one', 'DB_', 'DB_'],
			['another in its place', 'PG=DB_', 'PG=DB_'],
			['none in its place', '=DB_, WEB_', '=DB_,WEB_'],
		],
		refuses: [
			['a hyphen', 'DB-'],
			['no prefix', 'A='],
			['everything', '*'],
			['one twice', 'DB_, PG=DB_'],
		],
	},
	wrap: {
		sees: (pod) => pod.spec?.containers[0]?.command,
		accepts: [['false', 'false', undefined]],
		refuses: [
			['another case', 'True'],
			['a word of YAML', 'yes'],
			['a container', 'web'],
		],
	},
	allow: {
		sees: (pod) => variable(pod, 'ENVTIER_ALLOW'),
		accepts: [
			['one', 'NODE_OPTIONS', 'NODE_OPTIONS'],
			['several', 'LD_PRELOAD , PATH', 'LD_PRELOAD,PATH'],
			['npm’s, in its other case', 'NPM_CONFIG_SCRIPT_SHELL', 'NPM_CONFIG_SCRIPT_SHELL'],
		],
		refuses: [
			['a variable that runs no code', 'DATABASE_URL'],
			['a typo', 'LD_PRELOADS'],
			['one twice', 'PATH,PATH'],
			['all of them', '*'],
			['nothing', ''],
		],
	},
	empty: {
		sees: (pod) => variable(pod, 'ENVTIER_EMPTY'),
		accepts: [
			['skip', 'skip', 'skip'],
			['keep', 'keep', 'keep'],
			['refuse, which the fetcher does unasked', 'refuse', undefined],
		],
		refuses: [
			['another word', 'ignore'],
			['another case', 'Keep'],
			['nothing', ''],
		],
	},
	containers: {
		sees: readers,
		accepts: [
			['one', 'worker', ['worker']],
			['several', 'web, worker', ['web', 'worker']],
			['an init container', 'setup,web', ['web', 'setup']],
		],
		refuses: [
			['one twice', 'web,web'],
			['an upper-case letter', 'Web'],
			['a comma behind', 'web,'],
			['a glob', '*'],
		],
	},
	path: {
		sees: mountPath,
		accepts: [
			['a directory of the root', '/run', '/run'],
			['a deep one', '/var/run/secrets/envtier.d/_x-1', '/var/run/secrets/envtier.d/_x-1'],
			['a hidden one', '/.secrets', '/.secrets'],
			['one that only starts like a kernel’s', '/devices', '/devices'],
			['dots that are no parent', '/a/..b', '/a/..b'],
			['512 characters', `/${'a'.repeat(511)}`, `/${'a'.repeat(511)}`],
		],
		refuses: [
			['the root', '/'],
			['a relative one', 'secrets'],
			['a slash behind', '/secrets/'],
			['two slashes', '/run//secrets'],
			['two slashes in front', '//secrets'],
			['the directory itself', '/run/./secrets'],
			['a parent', '/run/../etc'],
			['a parent behind', '/run/..'],
			['a colon', '/run:ro'],
			['a comma', '/run,ro'],
			['a backslash', '/run\\secrets'],
			['a variable', '/$HOME'],
			['the kernel’s processes', '/proc/self'],
			['the kernel’s devices', '/dev'],
			['the kernel’s objects', '/sys/fs'],
			['the directory into which the kubelet mounts', '/etc'],
			['a file that the kubelet mounts', '/etc/resolv.conf'],
			['513 characters', `/${'a'.repeat(512)}`],
		],
	},
	format: {
		sees: (pod) => variable(pod, 'ENVTIER_FORMAT'),
		accepts: [
			['one', 'dotenv', 'dotenv'],
			['all in the documented order', 'files,json,dotenv,shell', 'shell,dotenv,json,files'],
		],
		refuses: [
			['an unknown one', 'yaml'],
			['one twice', 'json,json'],
			['none beside another', 'none,json'],
			['another case', 'JSON'],
		],
	},
	env: {
		sees: (pod) =>
			pod.spec?.containers[0]?.env?.map(({ name, valueFrom }) => `${name}<${valueFrom?.fileKeyRef?.key}`),
		accepts: [
			['a key', 'A', ['A<A']],
			['a variable of another name', 'PGPASSWORD=PASSWORD', ['PGPASSWORD<PASSWORD']],
			['several', ' A , B = C,_', ['A<A', 'B<C', '_<_']],
			['a key under two names', 'A,B=A', ['A<A', 'B<A']],
			['a key of 128 characters', `A=${'k'.repeat(128)}`, [`A<${'k'.repeat(128)}`]],
		],
		refuses: [
			['a variable twice', 'A=B,A=C'],
			['no key behind the sign', 'A='],
			['no variable before the sign', '=A'],
			['two signs', 'A=B=C'],
			['a hyphen', 'A-B'],
			['a comma behind', 'A,'],
			['a key longer than Kubernetes takes', `A=${'k'.repeat(129)}`],
		],
	},
	'run-as-user': {
		sees: (pod) => fetcher(pod)?.securityContext?.runAsUser,
		accepts: [
			['the least', '1', 1],
			['the greatest that Kubernetes takes', '2147483647', 2147483647],
		],
		refuses: [
			['root', '0'],
			['one more than Kubernetes takes', '2147483648'],
			['a number beyond precision', '99999999999999999999'],
			['a negative one', '-1'],
			['a sign', '+1000'],
			['a zero in front', '01000'],
			['hexadecimal', '0x3e8'],
			['an exponent', '1e3'],
			['a fraction', '1000.0'],
			['a blank', ' 1000'],
			['a name', 'nobody'],
			['a user and a group', '1000:1000'],
		],
	},
	'run-as-group': {
		sees: (pod) => fetcher(pod)?.securityContext?.runAsGroup,
		accepts: [
			['root’s', '0', 0],
			['the greatest that Kubernetes takes', '2147483647', 2147483647],
		],
		refuses: [
			['one more than Kubernetes takes', '2147483648'],
			['a negative one', '-1'],
			['a zero in front', '00'],
			['a name', 'nogroup'],
		],
	},
	refresh: {
		sees: (pod) => pod.spec?.initContainers?.[1]?.env?.find(({ name }) => name === 'ENVTIER_REFRESH')?.value,
		accepts: [
			['five minutes', 'true', '300'],
			['nothing', 'false', undefined],
			['a period', '30s', '30'],
		],
		refuses: [
			['a number', '300'],
			['less than ten seconds', '9s'],
			['more than a day', '25h'],
		],
	},
	'on-change': {
		accepts: [['nothing', 'none', undefined]],
		refuses: [
			['another host', 'http://example.com:80/'],
			['a signal that cannot be handled', 'signal:SIGKILL'],
		],
	},
	spread: {
		accepts: [],
		refuses: [
			['a number', '300'],
			['less than ten seconds', '9s'],
			['more than a day', '25h'],
		],
	},
	'init-order': {
		sees: (pod) => pod.spec?.initContainers?.map(({ name }) => name),
		accepts: [
			['first', 'first', ['envtier-fetch', 'setup']],
			['last', 'last', ['setup', 'envtier-fetch']],
		],
		refuses: [
			['another case', 'First'],
			['another word', 'before'],
			['both', 'first,last'],
		],
	},
};

describe.for(Object.entries(TABLES))('envtier.dev/%s', ([name, { sees, accepts, refuses }]) => {
	test.for(accepts)('accepts %s', ([, value, result]) =>
		expect(sees?.(accepted({ [name]: value }))).toEqual(result),
	);

	test.for([...NEVER, ...refuses])(
		'refuses %s, saying what is accepted but not what was written',
		([, value]) => {
			const message = refused({ [name]: value });
			expect(message).toContain(`annotation envtier.dev/${name} (`);
			expect(message).toContain(') must be ');
			expect(message.length).toBeLessThan(600);
			expect(message).toMatch(/^[\x20-\x7e’]*$/);
			// Short values are words of the message by chance.
			if (value.length > 10) expect(message).not.toContain(value);
		},
	);

	test('is documented with an example that is accepted', () => {
		const { example, meaning, default: otherwise, parse } = ANNOTATIONS[name as AnnotationName];
		expect(parse(example).ok).toBe(true);
		expect(meaning).not.toBe('');
		expect(otherwise).not.toBe('');
	});
});

test('"false" opts out whatever else is wrong', () => {
	const { decision } = decide({ inject: 'false', typo: 'x', tiers: 'galaxy' });
	expect(decision).toEqual({ kind: 'skip', reason: 'opted-out' });
});
