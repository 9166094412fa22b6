/**
 * Opens the dashboard for a look: on the memory store, with the examples' data and a development identity,
 * without a cluster and without an issuer. `node dev/dashboard/main.ts [PORT]`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { startDashboard } from './start.ts';

const port = process.argv[2] ?? '8211';
const scratch = mkdtempSync(join(tmpdir(), 'envtier-dashboard-'));
const dashboard = await startDashboard({
	listen: `127.0.0.1:${port}`,
	env: { ENVTIER_API_AUDIT_STORE: `sqlite:${join(scratch, 'audit.db')}` },
}).catch((thrown: unknown) => {
	rmSync(scratch, { recursive: true, force: true });
	process.stderr.write(
		`The dashboard did not start: ${thrown instanceof Error ? thrown.message : 'unknown'}\n`,
	);
	process.exit(1);
});
process.stdout.write(`
  The dashboard: ${dashboard.url}/ui/

  It holds the examples' secrets in memory, and forgets everything when it ends (Ctrl+C).
`);

const end = async (): Promise<void> => {
	await dashboard.stop();
	rmSync(scratch, { recursive: true, force: true });
	process.exit(0);
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void end());
