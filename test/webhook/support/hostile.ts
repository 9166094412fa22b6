import { prefixed } from './pods.ts';
import { review } from './request.ts';

/** The most that an API server takes as one object. */
export const LARGEST = 3 * 1024 * 1024;

const ASKS = { deployment: 'shop' };
const HERE = '"HERE"';

/** A review around a pod in which `text` stands for "HERE". */
function around(pod: object, text: string): string {
	return JSON.stringify(review(pod)).replace(HERE, () => text);
}

/** As many of `make(0)`, `make(1)`, … with commas between them as fit into `size` bytes. */
function repeated(size: number, make: (i: number) => string): string {
	const parts: string[] = [];
	for (let length = 0, i = 0; ; i += 1) {
		const part = make(i);
		length += part.length + 1;
		if (length > size) return parts.join(',');
		parts.push(part);
	}
}

/** `make(0)` to `make(count - 1)` with commas between them. */
const listed = (count: number, make: (i: number) => string): string =>
	Array.from({ length: count }, (_, i) => make(i)).join(',');

const metadata = (asks: Readonly<Record<string, string>> = {}) => ({
	annotations: prefixed({ ...ASKS, ...asks }),
});
const ONE = { name: 'web', image: 'web:1', securityContext: { runAsUser: 1000 } };

/** A pod that asks, with these containers. */
const containers = (text: string, asks?: Readonly<Record<string, string>>): string =>
	around({ metadata: metadata(asks), spec: { containers: ['HERE'] } }, text);

/** A pod that asks, with `field` of its only container made of this. */
const container = (field: string, text: string): string =>
	around({ metadata: metadata(), spec: { containers: [{ ...ONE, [field]: ['HERE'] }] } }, text);

const annotations = (text: string): string =>
	around({ metadata: { annotations: 'HERE' }, spec: { containers: [ONE] } }, `{${text}}`);

const named = (i: number): string => `{"name":"c${i.toString(36)}"}`;
const keys = (size: number): string => repeated(size, (i) => `K${i.toString(36)}`);
/** Room for an annotation that is as long as one may be. */
const ANNOTATION = 32_000;

/** Containers with these names and the same user, with annotations for them, filled up with blanks. */
function alike(size: number, names: readonly string[], asks: Readonly<Record<string, string>>): string {
	const pod = containers(names.map((name) => JSON.stringify({ ...ONE, name })).join(','), asks);
	return pod.padEnd(size);
}

/** Objects in the only container of a pod that asks, and one string for the rest of the room. */
function objects(size: number, text: string): string {
	const filling = 'x'.repeat(size - text.length);
	return around({ metadata: metadata(), spec: { containers: [ONE], x: ['HERE'] } }, `${text},"${filling}"`);
}

/**
 * Reviews made to do harm, by their problem. Each returns about `size` bytes; some differ for each `turn`.
 */
export const HOSTILE: Readonly<Record<string, (size: number, turn: number) => string>> = {
	'as many containers as there is room for': (size) => containers(repeated(size, named)),
	'as many users as there is room for': (size) =>
		containers(repeated(size, (i) => `{"name":"c","securityContext":{"runAsUser":${i + 1}}}`)),
	'variables for all of many containers': (size) =>
		containers(repeated(size - ANNOTATION, named), { env: keys(ANNOTATION) }),
	'variables for containers that set as many': (size) =>
		around(
			{ metadata: metadata({ env: keys(ANNOTATION) }), spec: { containers: [{ ...ONE, env: ['HERE'] }] } },
			repeated(size - ANNOTATION, (i) => `{"name":"X${i}"}`),
		),
	'names of containers that come last among many': (size) => {
		const names = keys(ANNOTATION).toLowerCase();
		const last = names.split(',').map((name) => `{"name":"${name}"}`);
		const first = repeated(size - 5 * ANNOTATION, () => '{"name":"a"}');
		return containers([first, ...last].join(','), { containers: names });
	},
	'a status that names one fetcher again and again': (size) =>
		annotations(
			`"envtier.dev/deployment":"shop","envtier.dev/status":${JSON.stringify(`{"fetchers":[${repeated(size / 1.3, () => '"envtier-fetch"')}]}`)}`,
		),
	'annotations of ours, all misspelt': (size) => annotations(repeated(size, (i) => `"envtier.dev/x${i}":""`)),
	'annotations of others': (size) =>
		annotations(`"envtier.dev/deployment":"shop",${repeated(size, (i) => `"a${i}":""`)}`),
	'one annotation of ours as long as the review': (size) =>
		annotations(`"envtier.dev/deployment":"${'a'.repeat(size)}"`),
	'one annotation of ours, all of it control characters': (size) =>
		annotations(`"envtier.dev/deployment":"${'\\u0007'.repeat(size / 6)}"`),
	'a name of an annotation as long as the review': (size) =>
		annotations(`"envtier.dev/${'a'.repeat(size)}":""`),
	'mounts in one container': (size) =>
		container(
			'volumeMounts',
			repeated(size, (i) => `{"name":"v","mountPath":"/a/../b/${i}"}`),
		),
	'capabilities of one container': (size) =>
		around(
			{
				metadata: metadata(),
				spec: { containers: [{ ...ONE, securityContext: { capabilities: { drop: ['HERE'] } } }] },
			},
			repeated(size, () => '"cap_net_raw"'),
		),
	'variables that come from files': (size) =>
		container(
			'env',
			repeated(size, (i) => `{"name":"A${i}","valueFrom":{"fileKeyRef":{"volumeName":"v","key":"k"}}}`),
		),
	volumes: (size) =>
		around(
			{ metadata: metadata(), spec: { containers: [ONE], volumes: ['HERE'] } },
			repeated(size, (i) => `{"name":"v${i}","secret":{}}`),
		),
	'lists in each other': (size) =>
		around(
			{ metadata: metadata(), spec: { containers: [ONE], x: 'HERE' } },
			'['.repeat(size / 2) + ']'.repeat(size / 2),
		),
	'objects in each other': (size) =>
		around(
			{ metadata: metadata(), spec: { containers: [ONE], x: 'HERE' } },
			`${'{"a":'.repeat(size / 6)}1${'}'.repeat(size / 6)}`,
		),
	'one member again and again': (size) =>
		annotations(repeated(size, () => '"envtier.dev/deployment":"shop"')),
	'__proto__ again and again': (size) =>
		annotations(`"envtier.dev/deployment":"shop",${repeated(size, () => '"__proto__":{"a":1}')}`),
	'a number of digits': (size) =>
		around(
			{ metadata: metadata(), spec: { containers: [{ ...ONE, securityContext: { runAsUser: 'HERE' } }] } },
			'9'.repeat(size),
		),
	'small numbers': (size) =>
		around(
			{ metadata: metadata(), spec: { containers: [ONE], x: ['HERE'] } },
			repeated(size, () => '1e9'),
		),
	'escapes in one string': (size) =>
		around(
			{ metadata: { ...metadata(), name: 'HERE' }, spec: { containers: [ONE] } },
			`"${'\\ud800'.repeat(size / 6)}"`,
		),
	'letters of three bytes': (size) =>
		around(
			{ metadata: { ...metadata(), name: 'HERE' }, spec: { containers: [ONE] } },
			`"${'\uffee'.repeat(size / 3)}"`,
		),
	'as many names and values as are parsed': (size) => {
		const others = listed(950, (i) => `"a${i}":""`);
		const small = listed(19_000, (i) => `{"name":"c${i}"}`);
		const filling = 'x'.repeat(size - others.length - small.length);
		return around(
			{ metadata: { annotations: 'HERE' }, spec: { containers: [ONE], x: 'THERE' } },
			`{"envtier.dev/deployment":"shop",${others}}`,
		).replace('"THERE"', () => `[${small},"${filling}"]`);
	},
	'as many shapes as are parsed': (size) => {
		const shapes = listed(950, (i) => `{"a${i}":${i}}`);
		return objects(size, `${shapes},${listed(18_500, (i) => `{"name":"c${i}"}`)}`);
	},
	'as many shapes as are parsed, others each time': (size, turn) =>
		objects(
			size,
			listed(19_500, (i) => `{"a${turn}_${i % 950}":"c${i}"}`),
		),
	'as many pairs of names as are parsed': (size) =>
		objects(
			size,
			listed(13_000, (i) => `{"a${i % 930}":1,"b${Math.floor(i / 930)}":1}`),
		),
	'as many orders of names as are parsed, others each time': (size, turn) =>
		objects(
			size,
			listed(3_500, (k) => `{${listed(10, (i) => `"a${turn}_${(i * 7 + k * 13) % 950}":1`)}}`),
		),
	'lists as deep as they are parsed, as often': (size) =>
		objects(
			size,
			listed(200, () => '['.repeat(190) + ']'.repeat(190)),
		),
	'as many composed values, each of the one before': (size) => {
		const composed = listed(
			250,
			(i) => `"envtier.dev/compose.K${i}":"${`\${K${Math.max(0, i - 1)}}`.repeat(60)}"`,
		);
		return annotations(
			`"envtier.dev/deployment":"shop",${composed},"a":"${'x'.repeat(size - composed.length - 200)}"`,
		);
	},
	'as many parts of as many keys': (size) => {
		const some = Array.from({ length: 32 }, (_, i) => `c${i}`);
		const parts = some.map((name, i) => [`keys.${name}`, `P${i},${keys(3_800)}`] as const);
		return alike(size, some, Object.fromEntries(parts));
	},
	'as many annotations about containers as are parsed': (size) => {
		const some = Array.from({ length: 930 }, (_, i) => `c${i}`);
		const same = keys(125);
		return alike(size, some, Object.fromEntries(some.map((name) => [`keys.${name}`, same])));
	},
	'as many containers as are looked at': (size) =>
		containers(
			listed(6_400, (i) => `{"name":"c${i}","image":"i"}`).concat(
				`,{"name":"${'x'.repeat(size - 320_000)}"}`,
			),
		),
	'as many containers as are injected': (size) => {
		const some = listed(2_990, (i) => `{"name":"c${i}","image":"i","securityContext":{"runAsUser":1000}}`);
		return containers(`${some},{"name":"last","image":"${'x'.repeat(size - some.length - 100)}"}`);
	},
	'as many variables as are looked at': (size) => {
		const some = listed(6_400, (i) => `{"name":"A${i}","valueFrom":{"fieldRef":{"fieldPath":"a"}}}`);
		return container('env', `${some},{"name":"B","value":"${'x'.repeat(size - some.length - 100)}"}`);
	},
	'as many misspelt annotations as are parsed': (size) => {
		const some = listed(950, (i) => `"envtier.dev/x${i}":""`);
		return annotations(`${some},"a":"${'x'.repeat(size - some.length - 100)}"`);
	},
	'fields that somebody manages, and nobody looks at': (size) =>
		around(
			{ metadata: { ...metadata(), managedFields: ['HERE'] }, spec: { containers: [ONE] } },
			repeated(size, (i) => `{"f:a${i}":{}}`),
		),
	blanks: (size) =>
		JSON.stringify(review({ metadata: metadata(), spec: { containers: [ONE] } })) + ' '.repeat(size),
};
