import process from 'node:process';

/**
 * Exits now. `process.exit` waits for threads that resolve names, up to a minute if a DNS server does not answer. In that
 * case execve(2) replaces the process with one that has no threads and exits with the same code.
 */
export function exitProcess(code: number): never {
	const { execve } = process;
	if (execve !== undefined && process.getActiveResourcesInfo().includes('GetAddrInfoReqWrap'))
		execve(process.execPath, [process.execPath, '-e', `process.exit(${code})`], {});
	process.exit(code);
}
