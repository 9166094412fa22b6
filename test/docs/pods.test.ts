import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { admit } from '../../webhook/admission/admit.ts';
import { request } from '../webhook/support/request.ts';
import { settings } from '../webhook/support/settings.ts';
import { blocksOf, pageOf, pages, ROOT } from './support/pages.ts';

/** A Kubernetes object in a page or an example, and the outcome in the comment before it. */
interface Shown {
	readonly where: string;
	readonly object: unknown;
	/** `injected` unless the comment says `warned`, `refused: reason` or `skipped: reason`. */
	readonly outcome: string;
}

function objectsIn(where: string, text: string, outcome: string): Shown[] {
	return parseAllDocuments(text).map((document, i) => {
		expect(document.errors, `${where} is not YAML`).toEqual([]);
		return { where: `${where} ${i + 1}`, object: document.toJS(), outcome };
	});
}

/** What is in pages and in examples/. */
function shown(): readonly Shown[] {
	const inPages = pages().flatMap(({ file, text }) =>
		blocksOf(text)
			.filter(({ language }) => language === 'yaml' || language === 'yml')
			.flatMap((block, i) => objectsIn(`${file}, block ${i + 1}`, block.text, block.comment ?? 'injected')),
	);
	const inExamples = readdirSync(join(ROOT, 'examples'))
		.filter((name) => name.endsWith('.yaml'))
		.flatMap((name) => {
			const text = readFileSync(join(ROOT, 'examples', name), 'utf8');
			return objectsIn(`examples/${name}`, text, 'injected');
		});
	return [...inPages, ...inExamples];
}

type Json = { readonly [name: string]: Json } & { readonly kind?: unknown };

/** The pod that a controller would make of an object; undefined for objects that make none. */
function podOf(object: unknown): unknown {
	const { kind, spec } = (object ?? {}) as Json;
	if (kind === 'Pod') return object;
	const template = kind === 'CronJob' ? spec?.['jobTemplate']?.['spec']?.['template'] : spec?.['template'];
	return template === undefined ? undefined : { apiVersion: 'v1', kind: 'Pod', ...template };
}

/** What becomes of a pod, in the words of the comments. */
function outcomeOf(pod: unknown): string {
	const decision = admit(
		request(pod),
		settings({ ENVTIER_NATIVE_ENV: 'true', ENVTIER_IN_PLACE_RESTART: 'true' }).injection,
	);
	switch (decision.kind) {
		case 'inject':
			return decision.warnings.length === 0 ? 'injected' : `warned: ${decision.warnings.join('; ')}`;
		case 'reject':
			return `refused: ${decision.reason}`;
		case 'skip':
			return `skipped: ${decision.reason}`;
		default:
			return decision satisfies never;
	}
}

const pods = shown()
	.map(({ object, ...rest }) => ({ ...rest, pod: podOf(object) }))
	.filter(({ pod }) => pod !== undefined);

describe('pods in the documentation and in examples/', () => {
	test('are several', () => expect(pods.length).toBeGreaterThan(6));

	test.for(pods.map((one) => [one.where, one] as const))('%s is admitted as the text says', ([, one]) => {
		const outcome = outcomeOf(one.pod);
		if (one.outcome === 'warned') expect(outcome).toMatch(/^warned: /);
		else expect(outcome).toBe(one.outcome);
	});

	test('a warning is shown in its own words', () => {
		const { text } = pageOf('docs/how-it-works.md');
		const blocks = blocksOf(text);
		const at = blocks.findIndex(({ comment }) => comment === 'warned');
		const pod = podOf(parseAllDocuments(blocks[at]?.text ?? '')[0]?.toJS());

		expect(outcomeOf(pod)).toBe(`warned: ${blocks[at + 1]?.text}`);
	});

	test('the page for application teams shows the very entry point that images of the tests have', () => {
		const onPage = blocksOf(pageOf('docs/for-application-teams.md').text).map(({ text }) => text);

		expect(onPage).toContain(readFileSync(join(ROOT, 'examples/entrypoint.sh'), 'utf8').trimEnd());
	});

	test('the README shows the very pod of `make demo`', () => {
		const inReadme = blocksOf(pageOf('README.md').text).map(({ text }) => text);

		expect(inReadme).toContain(readFileSync(join(ROOT, 'examples/pod.yaml'), 'utf8').trimEnd());
	});
});
