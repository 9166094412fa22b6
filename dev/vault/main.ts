import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { banner } from './banner.ts';
import { makeServingPair } from './certificate.ts';
import { parseCommand, type ServeCommand, USAGE } from './cli.ts';
import { parseVaultFile } from './file.ts';
import { unusableKeys } from './seed.ts';
import { startDevVault } from './start.ts';
import { servingPairFromDirectory } from './tls-directory.ts';

const command = parseCommand(process.argv.slice(2));
if (!command.ok) fail(2, `${command.error}\n\n${USAGE}`);
else if (command.value.help) process.stdout.write(USAGE);
else await run(command.value);

async function run({ file, listen, tlsDir, rootToken }: ServeCommand): Promise<void> {
	try {
		const content = parseVaultFile(await read(file), file);
		if (!content.ok) return fail(1, content.error.join('\n'));
		const tls = await (tlsDir === undefined
			? makeServingPair(listen.host)
			: servingPairFromDirectory(tlsDir, listen.host));
		const tokenOption = rootToken === undefined ? {} : { rootToken };
		const vault = await startDevVault({ content: content.value, listen, tls, ...tokenOption });
		const caFile = tlsDir === undefined ? undefined : join(tlsDir, 'ca.pem');
		process.stdout.write(banner(vault, caFile, unusableKeys(content.value)));
		for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void vault.close());
	} catch (thrown) {
		fail(1, thrown instanceof Error ? thrown.message : String(thrown));
	}
}

async function read(file: string): Promise<string> {
	try {
		return await readFile(file, 'utf8');
	} catch (cause) {
		const code = cause instanceof Error && 'code' in cause ? cause.code : cause;
		throw new Error(`can't read ${file}: ${code}`, { cause });
	}
}

function fail(code: number, message: string): void {
	process.stderr.write(`dev/vault: ${message}\n`);
	process.exitCode = code;
}
