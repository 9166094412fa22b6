import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { ClosingLine } from './test/support/reporter.ts';

/**
 * Plain tests start nothing heavy. A folder below test/cluster shares one set of servers (its setup.ts),
 * which vitest starts only when a test of that folder runs.
 */
export default defineConfig({
	test: {
		// Against hanging, not against slowness: machines that run tests are shared.
		testTimeout: 90_000,
		hookTimeout: 300_000,
		expect: { poll: { timeout: 20_000 } },
		// Tests that run at the same time wait for deadlines more than they work.
		maxConcurrency: 8,
		// A test may meet a machine that stood still. CI repeats it once, and the closing lines name it.
		// A property that failed has found an input, and is never repeated: another seed would hide it.
		...(process.env['CI'] === 'true' ? { retry: { count: 1, condition: /^(?!Property failed)/ } } : {}),
		reporters: ['default', new ClosingLine()],
		projects: [
			{
				extends: true,
				test: {
					name: 'plain',
					include: ['test/**/*.test.ts'],
					exclude: ['test/cluster/**'],
					// Most of these wait for processes that they start: a worker more than two cores have keeps both busy.
					maxWorkers: Math.max(3, availableParallelism()),
				},
			},
			{
				extends: true,
				test: {
					name: 'apiserver',
					include: ['test/cluster/apiserver/**/*.test.ts'],
					globalSetup: ['test/cluster/apiserver/setup.ts'],
					// These tests share an API server and use their own namespaces. Tests that change more start their own.
					maxWorkers: 2,
					sequence: { groupOrder: 1 },
					testTimeout: 180_000,
				},
			},
			{
				extends: true,
				test: {
					name: 'node',
					include: ['test/cluster/node/*.test.ts'],
					globalSetup: ['test/cluster/node/setup.ts'],
					// These tests share the node and use their own namespaces, deployments in Vault and roles.
					maxWorkers: 3,
					sequence: { groupOrder: 2 },
					testTimeout: 240_000,
				},
			},
			{
				extends: true,
				test: {
					name: 'node-disturbing',
					include: ['test/cluster/node/disturbing/*.test.ts'],
					// The node is that of the project before.
					globalSetup: ['test/cluster/node/setup.ts'],
					// These seal the Vault, stop the webhook or install another that all of them share.
					fileParallelism: false,
					sequence: { groupOrder: 3 },
					testTimeout: 240_000,
				},
			},
		],
	},
});
