import { err, ok, type Result } from '../../contract/result.ts';
import { isPrintable } from '../../lib/terminal.ts';
import { type Context, fail } from '../context.ts';
import { readInput, STDIN } from '../files.ts';
import { json } from '../output.ts';
import { yamlOf } from './diff.ts';
import { readDocuments } from './documents.ts';
import { report } from './report.ts';
import { type ExplainSettings, explainSettings, parseSettingsFile } from './settings.ts';
import { KINDS, type NamespaceOrgLabel, namespaceOf, type Subject, subjectsOf } from './subjects.ts';
import { page, settingsNotes } from './text.ts';
import { type Verdict, verdictOf, worst } from './verdict.ts';

/** Options of the command. */
export interface ExplainOptions {
	readonly settings?: string | undefined;
	readonly namespace: string;
	readonly orgLabel?: string | undefined;
	readonly kubernetesVersion?: string | undefined;
	readonly output: 'diff' | 'json' | 'yaml' | 'patch';
	/** True: also say which of admission policy and webhook injects. */
	readonly policy?: boolean | undefined;
}

/** `envtier explain`: reads the inputs, decides, and prints the verdicts. */
export async function explain(
	files: readonly string[],
	options: ExplainOptions,
	context: Context,
): Promise<void> {
	const settings = await settingsOf(options, context);
	if (!settings.ok) return fail(context, 'usage', settings.error);
	const input = await inputOf(files, options.namespace, context);
	if (!input.ok) return fail(context, 'usage', input.error);
	const { subjects, ignored } = withLabels(input.value, options.orgLabel);
	const verdicts = subjects.map((subject) => verdictOf(subject, settings.value));
	const note = (line: string): void =>
		context.stderr.write(`${context.stderr.paint('faint', 'note:')} ${line}\n`);
	for (const line of settingsNotes(settings.value)) note(line);
	if (ignored.length > 0) note(`there is no pod template in ${ignored.join(', ')}: not checked`);
	const output = rendered(verdicts, ignored, settings.value, options, context);
	if (!output.ok) return fail(context, 'usage', output.error);
	context.stdout.write(output.value);
	const decision = worst(verdicts);
	context.end(decision === 'inject' ? 'ok' : decision);
}

async function settingsOf(options: ExplainOptions, context: Context): Promise<Result<ExplainSettings>> {
	const { settings: file, kubernetesVersion } = options;
	if (file === undefined) return explainSettings(context.env, 'environment', kubernetesVersion);
	const content = await readInput(file, context.stdin);
	if (!content.ok) return content;
	const env = parseSettingsFile(content.value, file);
	return env.ok ? explainSettings(env.value, file, kubernetesVersion) : env;
}

/** The content of the inputs. */
interface Input {
	readonly subjects: readonly Subject[];
	/** Objects without a pod template. */
	readonly ignored: readonly string[];
	/** Namespaces with their labels. */
	readonly namespaces: readonly (readonly [string, NamespaceOrgLabel])[];
}

/** Sets the label of each subject's namespace. A Namespace object in the input takes precedence. */
function withLabels(input: Input, otherwise: string | undefined): Input {
	const labels = new Map(input.namespaces);
	const general = otherwise === undefined ? undefined : { value: otherwise };
	const subjects = input.subjects.map((subject) => ({
		...subject,
		orgLabel: labels.get(subject.namespace) ?? general,
	}));
	return { ...input, subjects };
}

async function inputOf(
	files: readonly string[],
	namespace: string,
	context: Context,
): Promise<Result<Input>> {
	const inputs: Input[] = [];
	for (const file of files) {
		const content = await readInput(file, context.stdin);
		if (!content.ok) return content;
		const input = subjectsIn(content.value, file === STDIN ? 'standard input' : file, namespace);
		if (!input.ok) return input;
		inputs.push(input.value);
	}
	const subjects = inputs.flatMap((input) => input.subjects);
	const ignored = inputs.flatMap((input) => input.ignored);
	const namespaces = inputs.flatMap((input) => input.namespaces);
	if (subjects.length > 0) return ok({ subjects, ignored, namespaces });
	const others = ignored.length === 0 ? '' : `, only ${ignored.join(', ')}`;
	return err(
		`nothing to explain in ${files.join(', ')}${others}: it takes ${KINDS.join(', ')}, and every other kind that has a pod template in it`,
	);
}

function subjectsIn(content: string, name: string, namespace: string): Result<Input> {
	const documents = readDocuments(content, name);
	if (!documents.ok) return documents;
	const subjects: Subject[] = [];
	const ignored: string[] = [];
	const namespaces: (readonly [string, NamespaceOrgLabel])[] = [];
	for (const document of documents.value) {
		const found = subjectsOf(document, namespace);
		if (!found.ok) return found;
		const labelled = namespaceOf(document);
		if (labelled !== undefined) namespaces.push(labelled);
		else if (found.value.length === 0) ignored.push(`${String(document.object['kind'])} (${document.place})`);
		else subjects.push(...found.value);
	}
	return ok({ subjects, ignored, namespaces });
}

function rendered(
	verdicts: readonly Verdict[],
	ignored: readonly string[],
	settings: ExplainSettings,
	{ output, policy = false }: ExplainOptions,
	{ stdout }: Context,
): Result<string> {
	switch (output) {
		case 'diff':
			return ok(page(verdicts, stdout.paint, policy));
		case 'json':
			return ok(json(report(verdicts, ignored, settings, policy)));
		case 'yaml':
			return ok(printableYaml(report(verdicts, ignored, settings, policy)));
		case 'patch':
			if (verdicts.length > 1)
				return err(`--output patch is for one object, and here are ${verdicts.length}: use --output json`);
			return ok(json(verdicts[0]?.injection?.patch ?? []));
		default:
			return output satisfies never;
	}
}

/** Prints JSON, which is also YAML: it escapes control characters that YAML would pass to the terminal. */
function printableYaml(value: object): string {
	const yaml = yamlOf(value);
	return isPrintable(yaml) ? yaml : json(value);
}
