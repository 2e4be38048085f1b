/**
 * Seatrial for pi: keeps the task through compactions, asks once for a check before the end,
 * and says when an answer was cut.
 *
 * Works with pi 0.73 and later, under both names of its package. Everything is worked out anew
 * from the entries of the session, so that a restart, a resumed session or another branch of it
 * changes nothing. Whatever is sent or pinned stands in the session as an entry of its own.
 *
 * Not a sandbox, and no judge: whether a check passed is for the model and the user to see.
 */
import { isAbsolute, relative, resolve } from "node:path";
import type { ExtensionAPI, ExtensionContext } from "@earendil-works/pi-coding-agent";

/** Which of the three act; `seatrial client setup pi --without NAME` writes this line. */
const FACTORS = { pin: true, verify: true, length: true };

const BOUNDS = {
	taskCharacters: 4000,
	criteria: 20,
	criteriaCharacters: 2000,
	files: 40,
	nudgesPerTask: 2,
	bouncesPerTask: 1,
};

/** Entry types in the session. */
const LOADED = "seatrial";
const PINNED = "seatrial-pin";
const BOUNCE = "seatrial-verify";
const NUDGE = "seatrial-length";

export default function (pi: ExtensionAPI) {
	let cut = false;

	// What a run was given stands in its session: a factor that never arrived proves nothing.
	pi.on("agent_start", (_event, ctx) => {
		const told = (entry: any) => entry.customType === LOADED && same(entry.data, FACTORS);
		if (!branch(ctx).some(told)) pi.appendEntry(LOADED, FACTORS);
	});

	if (FACTORS.pin) {
		// Pi writes its own summary; the block is added each time that the summary is sent.
		pi.on("context", (event, ctx) => {
			const entries = branch(ctx);
			const at = entries.map((entry) => entry.type).lastIndexOf("compaction");
			if (at < 0) return;
			const compaction = entries[at].id;
			const known = entries.find((entry) => entry.customType === PINNED && entry.data?.compaction === compaction);
			const { block, told } = known?.data ?? pinned(entries.slice(0, at), ctx.cwd);
			const summary: any = event.messages.find((message: any) => message.role === "compactionSummary");
			if (!summary || !block) return;
			if (!known) {
				pi.appendEntry(PINNED, { compaction, told, block });
				if (ctx.hasUI) ctx.ui.notify(`seatrial: pinned to the summary: ${told}`, "info");
			}
			const longer = { ...summary, summary: `${summary.summary}\n\n${block}` };
			return { messages: event.messages.map((message) => (message === summary ? longer : message)) };
		});
	}

	// Not `agent_end`: in pi 0.73 nothing that comes so late is waited for. And without a pause:
	// there the loop looks for waiting messages right after this event.
	pi.on("message_end", (event, ctx) => {
		const message: any = event.message;
		if (message.role !== "assistant") return;
		const calls = message.content.some((part: any) => part.type === "toolCall");
		cut = message.stopReason === "length";
		const entries = lastTask(branch(ctx));
		if (cut && FACTORS.length && count(entries, NUDGE) < BOUNDS.nudgesPerTask) {
			// Behind calls it goes with their results, else it keeps the run from ending.
			say(pi, ctx, NUDGE, nudge(calls), calls ? "steer" : "followUp");
		}
		if (FACTORS.verify && message.stopReason === "stop" && !calls && !ctx.hasPendingMessages()) {
			const changed = unverified(entries, ctx.cwd);
			if (changed.length > 0 && count(entries, BOUNCE) < BOUNDS.bouncesPerTask) {
				say(pi, ctx, BOUNCE, bounce(changed), "followUp");
			}
		}
	});

	if (FACTORS.length) {
		// Pi before 0.81 executes what a cut answer holds of a call.
		pi.on("tool_call", () => {
			if (cut) return { block: true, reason: "The answer was cut at the token limit, so this call was not carried out." };
		});
	}
}

type Delivery = "steer" | "followUp";

function say(pi: ExtensionAPI, ctx: ExtensionContext, customType: string, content: string, deliverAs: Delivery) {
	// Behind a slow extension this can come after the end of a run, in pi 0.73. A new run would
	// then go on without anybody waiting for it, except where somebody sits in front of it.
	if (ctx.isIdle() && !ctx.hasUI) return;
	pi.sendMessage({ customType, content, display: true }, { triggerTurn: true, deliverAs });
}

function nudge(calls: boolean): string {
	const lost = calls ? " Its tool calls were not carried out." : "";
	return (
		`Your last answer was cut off at the limit of output tokens.${lost} ` +
		"Go on from there in smaller steps: less text before the next call, and a large file in parts " +
		"(write the first part, then add the others with edits)."
	);
}

function bounce(changed: string[]): string {
	const list = changed.slice(0, BOUNDS.files).map((path) => `- ${path}`);
	return (
		`You are about to finish, and since these files changed nothing was run that checks them:\n${list.join("\n")}\n` +
		"Run what checks them now (the tests, a build, a linter, or the program itself), and mend what fails. " +
		"If nothing here can check them, read them once against the task and say so. This is asked once."
	);
}

// Entries of the session

function branch(ctx: ExtensionContext): any[] {
	return ctx.sessionManager.getBranch();
}

function count(entries: any[], customType: string): number {
	return entries.filter((entry) => entry.type === "custom_message" && entry.customType === customType).length;
}

function same(left: unknown, right: unknown): boolean {
	return JSON.stringify(left) === JSON.stringify(right);
}

function isUser(entry: any): boolean {
	return entry.type === "message" && entry.message.role === "user";
}

/** From the message with which the user began the task. What they say between calls belongs to it. */
function lastTask(entries: any[]): any[] {
	const messages = entries.filter((entry) => entry.type === "message" && entry.message.role !== "system");
	for (let at = messages.length - 1; at >= 0; at--) {
		const between = messages[at - 1]?.message.role === "toolResult";
		if (isUser(messages[at]) && !between) return entries.slice(entries.indexOf(messages[at]));
	}
	return entries;
}

type Call = { name: string; input: any; failed: boolean; output: string };

/** The calls that have a result, in its order. Some servers give every call the same id. */
function callsOf(entries: any[]): Call[] {
	const found: Call[] = [];
	let waiting: any[] = [];
	for (const { message } of entries.filter((entry) => entry.type === "message")) {
		if (message.role === "assistant") waiting = message.content.filter((part: any) => part.type === "toolCall");
		if (message.role !== "toolResult") continue;
		const at = waiting.findIndex((part) => part.id === message.toolCallId);
		if (at < 0) continue;
		const [{ name, arguments: input }] = waiting.splice(at, 1);
		found.push({ name, input: input ?? {}, failed: message.isError, output: textOf(message) });
	}
	return found;
}

function textOf(message: any): string {
	if (typeof message.content === "string") return message.content;
	return message.content.map((part: any) => part.text ?? "").join("\n");
}

// Pinning

function pinned(entries: any[], cwd: string): { block: string; told: string } {
	const [first, ...later] = entries.filter(isUser).map((entry) => textOf(entry.message).trim());
	if (!first) return { block: "", told: "" };
	const last = later.at(-1);
	const wanted = criteria(last ? `${first}\n${last}` : first);
	const { read, written } = files(entries, cwd);
	const parts = [
		"<pinned>",
		"Kept word for word by Seatrial, not by the summary. Where they differ, this holds.",
		`## The task: the user's first message\n${bounded(first)}`,
	];
	if (last) parts.push(`## The user's latest message before the summary\n${bounded(last)}`);
	const lines = wanted.map((each) => `- ${each}`).join("\n");
	if (lines) parts.push(`## Acceptance criteria, as the user put them\n${lines}`);
	if (written.length > 0) parts.push(`## Files written so far\n${listed(written)}`);
	if (read.length > 0) parts.push(`## Files read so far\n${listed(read)}`);
	parts.push("</pinned>");
	const told = `the task, ${wanted.length} criteria, ${written.length + read.length} files`;
	return { block: parts.join("\n\n"), told };
}

/** The end of a long task often says what counts, so the middle gives way. */
function bounded(text: string): string {
	const points = Array.from(text);
	const left = points.length - BOUNDS.taskCharacters;
	if (left <= 0) return text;
	const tail = Math.floor(BOUNDS.taskCharacters / 3);
	const head = points.slice(0, BOUNDS.taskCharacters - tail).join("");
	return `${head}\n[${left} characters left out here]\n${points.slice(-tail).join("")}`;
}

const ITEM = /^\s*(?:[-*+•]|\d+[.)]|\[[ x]\])\s+/;
const DEMAND =
	/\b(?:must|should|shall|never|always|exactly|requir\w+|ensure|make sure|do not|don't|only|pass(?:es)?|accept\w*)\b/i;
const TEST = /\btests?\b|\btest_\w+|\w_test\b|\.(?:spec|test)\./i;

/** Lines of a list and sentences that demand something or name tests. */
function criteria(task: string): string[] {
	const found: string[] = [];
	for (const line of task.replace(/^[ \t]*```[\s\S]*?^[ \t]*```/gm, "").split("\n")) {
		const pieces = ITEM.test(line) ? [line.replace(ITEM, "")] : line.split(/(?<=[.!?])\s+/);
		const counts = (text: string) => ITEM.test(line) || DEMAND.test(text) || TEST.test(text);
		found.push(...pieces.map((text) => text.trim()).filter((text) => text && counts(text)));
	}
	const kept: string[] = [];
	let room = BOUNDS.criteriaCharacters;
	for (const text of new Set(found)) {
		if (kept.length < BOUNDS.criteria && text.length <= room) {
			kept.push(text);
			room -= text.length;
		}
	}
	return kept;
}

function files(entries: any[], cwd: string): { read: string[]; written: string[] } {
	const read = new Set<string>();
	const written = new Set<string>();
	for (const call of callsOf(entries)) {
		if (call.name === "read" && !call.failed) read.add(shown(call.input.path, cwd));
		for (const path of effects(call, cwd).flatMap((effect) => effect.written)) written.add(path);
	}
	return { read: [...read].filter((path) => !written.has(path)), written: [...written] };
}

function listed(paths: string[]): string {
	const left = paths.length - BOUNDS.files;
	const lines = paths.slice(-BOUNDS.files).map((path) => `- ${path}`);
	return (left > 0 ? [`- (${left} earlier ones)`, ...lines] : lines).join("\n");
}

function shown(path: unknown, cwd: string): string {
	const inside = relative(cwd, resolve(cwd, String(path)));
	return inside.startsWith("..") || isAbsolute(inside) ? String(path) : inside || ".";
}

// Verifying

/**
 * Files that changed after the last command that checks something. The words of the commands are
 * all there is to go by: a program that is run counts as a check, whatever else it does.
 */
function unverified(entries: any[], cwd: string): string[] {
	const changed = new Set<string>();
	for (const call of callsOf(entries)) {
		for (const effect of effects(call, cwd)) {
			if (effect.checks) changed.clear();
			else for (const path of effect.written) changed.add(path);
		}
	}
	return [...changed];
}

const RAN = /exited with code \d|timed out|aborted/i;
const MISSING = /exited with code 12[67]\b/i;

type Effect = { checks: boolean; written: string[] };

function effects(call: Call, cwd: string): Effect[] {
	if ((call.name === "write" || call.name === "edit") && !call.failed) {
		return [{ checks: false, written: [shown(call.input.path, cwd)] }];
	}
	if (call.name !== "bash" && call.name !== "powershell") return [];
	// A call that was refused did nothing. A test that fails is a check; one that is not there is none.
	if (call.failed && !RAN.test(call.output)) return [];
	const missing = call.failed && MISSING.test(call.output);
	const told = shell(String(call.input.command ?? ""), cwd);
	return told.map((effect) => ({ ...effect, checks: effect.checks && !missing }));
}

const WORD =
	/"(?:\\[\s\S]|[^"\\])*"|'[^']*'|\\[\s\S]|&>{1,2}|&&|\|\||[;&|\n()]|\d*>{1,2}[|&]?|[ \t]+|[^\s;&|()<>"'\\]+|[\s\S]/g;
const HEREDOC = /(?<!<)<<-?[ \t]*(["']?)(\w+)\1([^\n]*)\n(?:[\s\S]*?\n)?[ \t]*\2[ \t]*(?=\n|$)/g;

/** What each pipeline of a line does, as far as its words tell. */
function shell(line: string, cwd: string): Effect[] {
	const found: Effect[] = [{ checks: false, written: [] }];
	let words: string[] = [];
	let targets: string[] = [];
	let into = words;
	let open = false;
	const end = (piped: boolean) => {
		const effect = command(words, targets, cwd);
		const whole = found[found.length - 1];
		whole.checks ||= effect.checks;
		whole.written.push(...effect.written);
		if (!piped) found.push({ checks: false, written: [] });
		[words, targets, open] = [[], [], false];
		into = words;
	};
	for (const [token] of line.replace(HEREDOC, "$3").matchAll(WORD)) {
		if (/^(?:\d*|&)>/.test(token)) [open, into] = [false, token.endsWith("&") ? [] : targets];
		else if (/^[;&|\n()]/.test(token)) end(token === "|");
		else if (/^[ \t]+$/.test(token)) {
			if (open) [open, into] = [false, words];
		} else {
			const text = /^["']/.test(token) ? token.slice(1, -1) : token;
			if (open) into[into.length - 1] += text;
			else into.push(text);
			open = true;
		}
	}
	end(false);
	return found;
}

const BEFORE = /^(?:sudo|time|timeout|nice|env|exec|command|npx|xvfb-run|then|do|else|if|while|!|\w+=.*)$/;
const SHELLS = /^(?:ba|z|da|k)?sh$/;
const CHECKERS = new RegExp(
	"^(?:" +
		"py\\.?test|tox|nox|python[\\d.]*|pypy3?|node|deno|ruby|perl|php|lua|Rscript|julia|java|tsx|ts-node|" +
		"g?make|cmake|ctest|ninja|just|gradlew?|mvnw?|ant|sbt|bazel|swift|zig|" +
		"rustc|javac|tsc|gcc|g\\+\\+|cc|c\\+\\+|clang|clang\\+\\+|" +
		"jest|vitest|mocha|ava|rspec|rake|phpunit|phpstan|bats|" +
		"eslint|biome|prettier|ruff|flake8|pylint|black|mypy|pyright|shellcheck|yamllint|golangci-lint|rubocop" +
		")$",
);
/** Programs that check only with one of these words behind them. */
const VERBS: Record<string, RegExp> = {
	go: /^(?:build|test|vet|run)$/,
	cargo: /^(?:b|build|t|test|c|check|clippy|r|run|bench|nextest)$/,
	dotnet: /^(?:build|test|run)$/,
	mix: /^(?:test|compile|run)$/,
	npm: /^(?:t|test|run|run-script|start|exec)$/,
	pnpm: /^(?:t|test|run|start|exec)$/,
	yarn: /^(?:test|run|start|build|lint)$/,
	bun: /^(?:test|run)$/,
	uv: /^run$/,
	poetry: /^run$/,
	pipenv: /^run$/,
	hatch: /^(?:run|test)$/,
	pdm: /^(?:run|test)$/,
};

/** How many words stand before the program. */
function before(words: string[]): number {
	let at = 0;
	while (BEFORE.test(words[at] ?? "")) {
		// What follows are its options and how long it may take.
		if (words[at] === "timeout") while (/^-|^\d/.test(words[at + 1] ?? "")) at++;
		at++;
	}
	return at;
}

function command(all: string[], targets: string[], cwd: string): Effect {
	const [program = "", ...rest] = all.slice(before(all));
	const name = program.split("/").at(-1) ?? "";
	if (SHELLS.test(name) && /^-\w*c$/.test(rest[0] ?? "")) {
		const inner = shell(rest[1] ?? "", cwd);
		return { checks: inner.some((effect) => effect.checks), written: inner.flatMap((effect) => effect.written) };
	}
	const inPlace = /^(?:sed|perl)$/.test(name) && rest.some((word) => /^(?:-\w*i|--in-place)/.test(word));
	const written = [...targets];
	if (inPlace || name === "mv" || name === "cp") written.push(...rest.slice(-1));
	if (name === "tee") written.push(...rest.filter((word) => !word.startsWith("-")));
	if (name === "patch" || (name === "git" && rest[0] === "apply")) written.push("what the patch names");
	const paths = written.map((path) => shown(path, cwd)).filter(inside);
	return { checks: !inPlace && checks(program, name, rest), written: paths };
}

function checks(program: string, name: string, rest: string[]): boolean {
	if (rest.some((word) => /^(?:--?version|-V|--help)$/.test(word))) return false;
	if (rest[0] === "-m" && /^(?:pip|venv)$/.test(rest[1] ?? "")) return false;
	if (SHELLS.test(name)) return rest.length > 0;
	if (VERBS[name]) return rest.some((word) => VERBS[name].test(word));
	return CHECKERS.test(name) || (program.includes("/") && !/^\/(?:usr\/)?s?bin\//.test(program));
}

/** What a shell writes elsewhere is scratch. */
function inside(path: string): boolean {
	return !isAbsolute(path) && !path.startsWith("..");
}
