/**
 * Gets the real parts that tests run on, before the tests, where a person can watch: Debian packages, OpenBao, Kubernetes' programs, images.
 * What this machine can't have is named; the tests that need it are then skipped, and on CI that is a failure.
 */
import process from 'node:process';
import { ensureNode, NODE_VERSIONS, pythonReader } from '../fetcher/support/env-readers.ts';
import { ensurePackages } from './debian.ts';
import { buildImage, IMAGE_PROGRAMS } from './images.ts';
import { NODE_PACKAGES, NODE_PROGRAMS } from './kubernetes/node/node.ts';
import { preparePrograms } from './kubernetes/programs.ts';
import { ensureBao } from './openbao-binary.ts';

const say = (line: string): void => void process.stderr.write(`${line}\n`);

await ensurePackages(['curl', 'dash', 'fish', 'jq', 'zsh', ...NODE_PACKAGES], say);
await ensureBao().catch((thrown: unknown) => say(String(thrown)));
for (const version of NODE_VERSIONS)
	await ensureNode(version).catch((thrown: unknown) => say(String(thrown)));
await pythonReader().catch((thrown: unknown) => say(String(thrown)));
for (const names of [NODE_PROGRAMS, ['helm'], ['actionlint'], ['cert-manager']] as const) {
	const programs = await preparePrograms(names);
	if (!programs.ok) say(programs.error);
}
for (const program of IMAGE_PROGRAMS) {
	const image = await buildImage(program);
	if (!image.ok) say(image.error);
}
