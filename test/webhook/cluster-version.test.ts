import { PassThrough } from 'node:stream';
import pino from 'pino';
import { describe, expect, test } from 'vitest';
import { err, ok } from '../../contract/result.ts';
import { type FeatureSupport, featuresOf } from '../../webhook/admission/cluster-features.ts';
import type { ServerVersion } from '../../webhook/admission/native-env.ts';
import { followVersion } from '../../webhook/kubernetes/cluster-version.ts';
import { until } from '../support/until.ts';

/** Follows what `ask` answers; collects what is told and what is logged. */
function follow(ask: Parameters<typeof followVersion>[0]) {
	const told: ServerVersion[] = [];
	const stream = new PassThrough();
	const end = followVersion(ask, (version) => told.push(version), pino(stream));
	return { told, end, logged: () => String(stream.read() ?? '') };
}

const FEATURES = { nativeEnv: 35, sidecars: 29, inPlaceRestart: 36 } as const;
const AUTO = { nativeEnv: true, inPlaceRestart: true };

async function supportOf(
	feature: keyof typeof FEATURES,
	major: string,
	minor: string,
): Promise<FeatureSupport | undefined> {
	const { told, end } = follow(async () => ok({ major, minor }));
	const version = await until('the answer', () => told[0]);
	end();
	return featuresOf(AUTO, version)[feature];
}

describe.for(Object.entries(FEATURES))('%s', ([name, first]) => {
	const feature = name as keyof typeof FEATURES;

	test('starts with its first version', async () => {
		expect(await supportOf(feature, '1', `${first}`)).toEqual(ok(true));
		expect(await supportOf(feature, '1', `${first - 1}`)).toEqual({
			ok: false,
			error: expect.stringContaining(`Kubernetes 1.${first - 1}`),
		});
	});
});

test('what the operator says overrides the version, but for sidecars', () => {
	const decided = featuresOf({ nativeEnv: false, inPlaceRestart: false }, { major: '1', minor: '28' });
	expect(decided).toEqual({ sidecars: { ok: false, error: expect.stringContaining('1.28') } });
});

describe('native variables', () => {
	test.for([
		['1', '35'],
		['1', '35+'],
		['1', '40'],
		['2', '0'],
	] as const)('are had from Kubernetes %s.%s', async ([major, minor]) => {
		expect(await supportOf('nativeEnv', major, minor)).toEqual(ok(true));
	});

	test.for([
		['1', '34', 'Kubernetes 1.34 '],
		['1', '34+', 'Kubernetes 1.34 '],
		['1', '9', 'Kubernetes 1.9 '],
		['1', '', 'Kubernetes 1.? '],
		['1', '<script>', 'Kubernetes 1.? '],
	] as const)('are not had from Kubernetes %s.%s', async ([major, minor, named]) => {
		expect(await supportOf('nativeEnv', major, minor)).toEqual({
			ok: false,
			error: expect.stringContaining(named),
		});
	});
});

test('while the API server does not tell its version, nothing changes and the log says why', async () => {
	const { told, end, logged } = follow(async () => err('connection refused'));
	const line = await until('the log line', logged);
	end();
	expect(told).toEqual([]);
	expect(line).toContain('connection refused');
});

test('an answer that comes after the end is ignored', async () => {
	const { promise, resolve } = Promise.withResolvers<void>();
	const { told, end } = follow(async () => {
		await promise;
		return ok({ major: '1', minor: '36' });
	});
	end();
	resolve();
	await new Promise(setImmediate);
	expect(told).toEqual([]);
});
