import { PassThrough, Readable } from 'node:stream';
import { run } from '../../../cli/program.ts';
import { openTerminal, type Terminal } from '../../../lib/terminal.ts';

/** What one run in this process came to. */
interface Outcome {
	readonly code: number;
	readonly stdout: string;
	readonly stderr: string;
}

/** Runs the command within the test's own process, for cases by the hundred; a defect throws. */
export async function runHere(args: readonly string[], input: string): Promise<Outcome> {
	const written = { stdout: '', stderr: '' };
	const terminal = (name: keyof typeof written): Terminal => {
		const stream = new PassThrough();
		stream.on('data', (chunk: Buffer) => {
			written[name] += chunk.toString('utf8');
		});
		return openTerminal(stream);
	};
	const code = await run(args, {
		env: {},
		stdin: Readable.from([Buffer.from(input)]) as unknown as NodeJS.ReadStream,
		stdout: terminal('stdout'),
		stderr: terminal('stderr'),
	});
	return { code, ...written };
}
