import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import config from '../../vitest.config.ts';
import { preparePrograms } from '../support/kubernetes/programs.ts';
import { runProcess } from '../support/process.ts';
import { scratch } from '../support/scratch.ts';

const FOLDER = join(import.meta.dirname, '../../.github/workflows');
const FILES = readdirSync(FOLDER);
const actionlint = await preparePrograms(['actionlint']);

interface Step {
	readonly id?: string;
	readonly uses?: string;
	readonly run?: string;
	readonly with?: object;
}

interface Workflow {
	readonly permissions?: unknown;
	readonly jobs: Readonly<
		Record<
			string,
			{
				readonly strategy?: { readonly matrix: Readonly<Record<string, readonly string[]>> };
				readonly steps: readonly Step[];
			}
		>
	>;
}

const workflow = (file: string): Workflow => parse(readFileSync(join(FOLDER, file), 'utf8'));

describe('workflows', () => {
	const lint = (file: string, stdin: string) =>
		runProcess({
			command: actionlint.ok ? actionlint.value.actionlint : '',
			args: ['-no-color', '-shellcheck=', '-pyflakes=', '-stdin-filename', file, '-'],
			input: stdin,
		});

	test.skipIf(!actionlint.ok).each(FILES)('actionlint finds nothing in %s', async (file) => {
		const { code, stdout } = await lint(file, readFileSync(join(FOLDER, file), 'utf8'));
		expect(stdout).toBe('');
		expect(code).toBe(0);
	});

	test.skipIf(!actionlint.ok)('actionlint finds what is wrong', async () => {
		const { code, stdout } = await lint('bad.yaml', 'on: push\njobs: { a: { steps: [{ run: make }] } }\n');
		expect(code).not.toBe(0);
		expect(stdout).toContain('runs-on');
	});

	test.each(FILES)('%s may read the repository and nothing else, unless a job says so', (file) => {
		expect(workflow(file).permissions).toEqual({ contents: 'read' });
	});

	test.each(FILES)('every action of %s is pinned to a commit, and says which version that is', (file) => {
		const lines = readFileSync(join(FOLDER, file), 'utf8').split('\n');
		const used = lines.filter((line) => /^\s*-?\s*uses:/.test(line));
		expect(used).not.toEqual([]);
		for (const line of used) expect(line).toMatch(/uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
	});

	test('an image is released for every Dockerfile, for both architectures, with SBOM, provenance and signature', () => {
		const { images } = workflow('release.yaml').jobs;
		const programs = readdirSync(join(FOLDER, '../..'))
			.map((name) => /^Dockerfile\.(.+)$/.exec(name)?.[1])
			.filter((name) => name !== undefined);
		expect([...(images?.strategy?.matrix['program'] ?? [])].sort()).toEqual(programs.sort());
		const build = images?.steps.find(({ uses = '' }) => uses.startsWith('docker/build-push-action@'));
		expect(build?.with).toMatchObject({
			file: 'Dockerfile.${{ matrix.program }}',
			platforms: 'linux/amd64,linux/arm64',
			sbom: true,
			provenance: 'mode=max',
			outputs: expect.stringMatching(
				/^type=image,push=true,.*'fetcher' && ',compression=zstd,compression-level=12,/,
			),
		});
		expect(images?.steps.at(-1)?.run).toContain('cosign sign');
	});

	test('all images of a release are built from one base, by the digest that its tag has then', async () => {
		const { version, images } = workflow('release.yaml').jobs;
		const build = images?.steps.find(({ uses = '' }) => uses.startsWith('docker/build-push-action@'));
		expect(build?.with).toMatchObject({
			'build-args': expect.stringContaining('BASE_IMAGE=${{ needs.version.outputs.base }}'),
		});
		const place = await scratch('release');
		onTestFinished(place.remove);
		// A registry's answer, for there is none to ask.
		const inspect = (answer: string) =>
			writeFile(
				join(place.dir, 'docker'),
				`#!/bin/sh\n[ "$1 $2 $3 $4" = "buildx imagetools inspect docker.io/library/node:26-bookworm-slim" ] && echo '${answer}'\n`,
				{ mode: 0o755 },
			);
		const output = join(place.dir, 'output');
		const resolve = () =>
			runProcess({
				command: 'bash',
				args: ['--norc', '-eo', 'pipefail', '-c', version?.steps.find(({ id }) => id === 'base')?.run ?? ''],
				cwd: join(FOLDER, '../..'),
				env: { PATH: `${place.dir}:${process.env['PATH']}`, GITHUB_OUTPUT: output },
			});
		await inspect('{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"sha256:0123"}');
		expect(await resolve()).toMatchObject({ code: 0, stderr: '' });
		expect(readFileSync(output, 'utf8')).toBe('base=docker.io/library/node@sha256:0123\n');
		await inspect('{}');
		expect(await resolve()).toMatchObject({ code: 1, stderr: expect.stringContaining('no digest of') });
	});

	test('the projects of vitest.config.ts run side by side, and what .ci/run checks before them', () => {
		const { strategy, steps = [] } = workflow('test.yaml').jobs['test'] ?? {};
		const projects = config.test?.projects?.map(
			(project) => (project as { test: { name: string } }).test.name,
		);
		expect(strategy?.matrix).toEqual({ part: ['check', ...(projects ?? []), 'versions'] });
		expect(steps.at(-2)).toMatchObject({
			run: 'sudo --preserve-env=PATH,HOME .ci/run "$PART"',
			env: { PART: '${{ matrix.part }}' },
		});
		// The pictures that the tests of the dashboard take, also of a run that failed.
		expect(steps.at(-1)).toMatchObject({
			if: "matrix.part == 'plain' && !cancelled()",
			uses: expect.stringMatching(/^actions\/upload-artifact@/),
			with: { path: '.cache/dashboard' },
		});
	});

	test.each(FILES)('no script of %s takes text of an event into its shell', (file) => {
		const scripts = Object.values(workflow(file).jobs).flatMap(({ steps }) =>
			steps.map(({ run = '' }) => run),
		);
		expect(scripts.filter((script) => script.includes('${{'))).toEqual([]);
	});
});
