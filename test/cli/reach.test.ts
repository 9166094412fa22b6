/** Which annotations reach a key: the same decision as that of the webhook and the fetcher. */
import { expect, test } from 'vitest';
import { reachOf } from '../../cli/consumers/reach.ts';

const wanted = { key: 'KEY', deployment: 'shop', service: undefined, overridingServices: ['api'] };
const containers = ['app', 'proxy'];
const annotated = (more: Record<string, string> = {}) =>
	Object.fromEntries(
		Object.entries({ deployment: 'shop', ...more }).map(([name, value]) => [`envtier.dev/${name}`, value]),
	);

test.each<[string, Record<string, string>, string, string?]>([
	['the deployment alone', {}, 'receives'],
	['another deployment', { deployment: 'shop-2' }, 'other'],
	['a service without a secret of that key', { service: 'web' }, 'receives'],
	['a service that overrides it', { service: 'api' }, 'does-not', 'overrides'],
	[
		'a service that would override it, whose tier is not read',
		{ service: 'api', tiers: 'deployment' },
		'receives',
	],
	['other tiers alone', { tiers: 'org', org: 'acme' }, 'does-not', 'tier of the deployment'],
	['an opted-out pod', { inject: 'false' }, 'does-not', 'inject'],
	['a selection with it', { keys: 'OTHER, NAME=KEY' }, 'receives'],
	['a selection without it', { keys: 'OTHER' }, 'does-not', 'no container selects it'],
	['a selection of everything', { keys: '*' }, 'receives'],
	['a prefix of it', { prefix: 'KE' }, 'receives'],
	['a prefix of others', { prefix: 'DB_' }, 'does-not', 'no container selects it'],
	['a selection for one container, and none for the other', { 'keys.app': 'OTHER' }, 'receives'],
	['selections without it for both', { 'keys.app': 'OTHER', 'keys.proxy': 'OTHER' }, 'does-not'],
	['a native variable in spite of a selection', { keys: 'OTHER', env: 'X=KEY' }, 'receives'],
	['a composed value that names it', { keys: 'URL', 'compose.URL': 'a:${KEY}' }, 'receives'],
	['a composed value that names a longer one', { keys: 'URL', 'compose.URL': 'a:${KEY_2}' }, 'does-not'],
	['a composed value under its name', { 'compose.KEY': 'a:${OTHER}' }, 'does-not', 'composed value'],
	['annotations of another version', { unheard: 'of' }, 'unknown', 'not those of this version'],
])('%s', (_what, annotations, kind, why) => {
	const reach = reachOf(annotated(annotations), containers, wanted);
	expect(reach.kind).toBe(kind);
	if (why !== undefined) expect(reach).toMatchObject({ why: expect.stringContaining(why) });
});

test.each<[string, Record<string, string>, string]>([
	['the service', { service: 'api' }, 'receives'],
	['another service', { service: 'web' }, 'does-not'],
	['no service', {}, 'does-not'],
	['the service without its tier', { service: 'api', tiers: 'deployment' }, 'does-not'],
])('for a secret of a service: %s', (_what, annotations, kind) => {
	const ofService = { ...wanted, service: 'api' };
	expect(reachOf(annotated(annotations), containers, ofService).kind).toBe(kind);
});
