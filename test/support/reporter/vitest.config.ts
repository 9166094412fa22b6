import { defineConfig } from 'vitest/config';
import { ClosingLine } from '../reporter.ts';

/** What test/support/reporter.test.ts runs in a process of its own. */
// biome-ignore lint/style/noDefaultExport: vitest asks for it.
export default defineConfig({
	test: { include: ['*.fixture.ts'], reporters: [new ClosingLine()] },
});
