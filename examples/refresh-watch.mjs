// Reads its secrets again when they change, with Node alone. Watches the directory, because a change replaces
// the link ..data in it; a watch of /secrets/env.json would follow the first file and see nothing.
import { readFileSync, watch } from 'node:fs';
import process from 'node:process';

const directory = process.argv[2] ?? '/secrets';
const read = () => JSON.parse(readFileSync(`${directory}/env.json`, 'utf8'));

let secrets = read();
process.stdout.write(`started with LOG_LEVEL=${secrets.LOG_LEVEL}\n`);
watch(directory, (_event, file) => {
	if (file !== '..data') return;
	secrets = read();
	process.stdout.write(`now LOG_LEVEL=${secrets.LOG_LEVEL}\n`);
});
