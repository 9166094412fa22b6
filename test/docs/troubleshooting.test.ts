import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { EXIT_CODES, type ExitReason } from '../../contract/exit-codes.ts';
import { err } from '../../contract/result.ts';
import { admit } from '../../webhook/admission/admit.ts';
import { featuresOf } from '../../webhook/admission/cluster-features.ts';
import type { Decision } from '../../webhook/admission/decision.ts';
import { REJECT_REASONS, type RejectReason } from '../../webhook/admission/reasons.ts';
import { goldenCases } from '../golden/cases.ts';
import {
	FAILED_FETCHES,
	type FailedFetch,
	FETCH_EVENT,
	patternOf,
	SYMPTOMS,
	wordsOf,
} from '../support/symptoms.ts';
import { podOf } from '../webhook/support/pods.ts';
import { request } from '../webhook/support/request.ts';
import { settings } from '../webhook/support/settings.ts';
import { happen, MISHAPS } from './support/failures.ts';
import { blocksOf, headingsOf, pageOf } from './support/pages.ts';

const page = pageOf('docs/troubleshooting.md').text;

/** Long messages are broken into lines where they stand in a page. */
const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();

/** The text under a heading, up to the next one. */
function sectionOf(heading: string): string {
	return page.split(/^#{2,3} /m).find((text) => text.startsWith(`${heading}\n`)) ?? '';
}

/** The messages in the section under a heading. */
function messagesUnder(heading: string): readonly string[] {
	return blocksOf(sectionOf(heading)).map(({ text }) => oneLine(text));
}

/** Whose pods the page tells of. */
const SHOWN = {
	...{ namespace: 'shop', account: 'web', role: 'web', deployment: 'shop', service: 'web', other: 'blog' },
	audience: 'kubernetes',
};

/** What tests on a real node see there, and the heading under which the page has it. */
const SEEN_ON_A_NODE: readonly (readonly [string, string, readonly string[]])[] = [
	...(Object.keys(FAILED_FETCHES) as FailedFetch[]).map((what) => {
		const { reason } = FAILED_FETCHES[what];
		return [what, `${EXIT_CODES[reason].code} \`${reason}\``, [wordsOf(what)]] as const;
	}),
	...Object.entries(SYMPTOMS).map(([what, { section, shown }]) => [what, section, shown] as const),
];

/** Every refusal that the golden pods bring about, and one that no API server would. */
function refusals(): readonly (Decision & { kind: 'reject' })[] {
	const malformed = admit(
		request({ metadata: { annotations: { 'envtier.dev/deployment': 'shop' } }, spec: { containers: {} } }),
		settings().injection,
	);
	const golden = goldenCases().map(({ folder }) =>
		parse(readFileSync(join(folder, 'expected.yaml'), 'utf8')),
	);
	const unknown = (['namespace-unknown', 'namespace-outdated'] as const).map((orgLabel) =>
		admit(request(podOf()), {
			...settings({ ENVTIER_ORG_LABEL: 'enforce' }).injection,
			orgLabel: err(orgLabel),
		}),
	);
	const old = admit(request(podOf({ deployment: 'shop', refresh: 'true' })), {
		...settings().injection,
		...featuresOf({ nativeEnv: true, inPlaceRestart: true }, { major: '1', minor: '28' }),
	});
	return [malformed, ...unknown, old, ...golden].filter((decision) => decision.kind === 'reject');
}

describe('troubleshooting', () => {
	test.for(Object.keys(REJECT_REASONS) as RejectReason[])('shows a refusal for %s as it is', (reason) => {
		const possible = refusals()
			.filter((decision) => decision.reason === reason)
			.map(({ message }) => oneLine(message));

		const shown = messagesUnder(`\`${reason}\``);

		expect(shown).toHaveLength(1);
		expect(possible).toContain(shown[0]);
	});

	test('has a heading for every way in which the fetcher can fail', () => {
		const failures = Object.entries(EXIT_CODES).filter(([, { code }]) => code !== 0);

		expect(headingsOf(page)).toEqual(
			expect.arrayContaining(failures.map(([name, { code }]) => `${code} ${name}`)),
		);
	});

	test.for(Object.entries(MISHAPS))('shows what the fetcher says when %s', async ([, mishap]) => {
		const { code, message } = await happen(mishap);
		const exit = EXIT_CODES[mishap.reason];

		expect(code).toBe(exit.code);
		expect(messagesUnder(`${exit.code} \`${mishap.reason}\``)).toContain(oneLine(message));
	});

	test.for(SEEN_ON_A_NODE)('has symptom, cause and cure for when %s', ([, heading, texts]) => {
		for (const text of texts) {
			const pattern = patternOf(text, SHOWN);
			expect(messagesUnder(heading)).toContainEqual(expect.stringMatching(pattern));
		}
		expect(sectionOf(heading)).toMatch(/\*\*Cause\.\*\*.*\*\*Cure\.\*\*/s);
	});

	test('shows the event of a failed fetch', () => {
		const pattern = patternOf(FETCH_EVENT, SHOWN);
		expect(messagesUnder('The init container fails')).toContainEqual(expect.stringMatching(pattern));
	});

	test('shows a message for every failure that can be brought about from outside', () => {
		const untested: readonly ExitReason[] = ['ok', 'internal', 'terminated'];
		const shown = new Set(Object.values(MISHAPS).map(({ reason }) => reason));

		expect([...shown].sort()).toEqual(
			Object.keys(EXIT_CODES)
				.filter((name) => !untested.some((one) => one === name))
				.sort(),
		);
	});
});
