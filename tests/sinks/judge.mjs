// Judges payloads with the vendors' own packages: Slack's types under the TypeScript compiler, and the Adaptive Cards
// parser, which drops what it does not know. Every judge must also refuse payloads that were broken on purpose.
//
// Usage: node judge.mjs DIRECTORY, with the packages installed beside this file. One line per check, and
// `judge: N passed, N failed`.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";

const require = createRequire(import.meta.url);
const here = import.meta.dirname ?? dirname(new URL(import.meta.url).pathname);
// The browser bundle looks for its global object under this name.
globalThis.self = globalThis;
const AdaptiveCards = require("adaptivecards/dist/adaptivecards.js");

const outcomes = [];

function check(name, holds) {
  outcomes.push(holds);
  console.log(`${holds ? "ok" : "FAILED"} judge: ${name}`);
}

function payloads(kind) {
  const names = readdirSync(process.argv[2]).filter((name) => name.startsWith(`${kind}-`) && name.endsWith(".json"));
  return names.sort().map((name) => readFileSync(join(process.argv[2], name), "utf8"));
}

/** Whether the compiler accepts the payload as a literal of Slack's types: unknown properties are errors, too. */
function isSlack(payload) {
  const folder = mkdtempSync(join(here, "slack-"));
  const source = join(folder, "payload.ts");
  const type = "{ text: string; mrkdwn?: boolean; blocks: KnownBlock[] }";
  const text = `import type { KnownBlock } from "@slack/types";\nexport const payload: ${type} = ${JSON.stringify(payload)};\n`;
  writeFileSync(source, text);
  const options = ["--noEmit", "--strict", "--module", "nodenext", "--moduleResolution", "nodenext", "--target", "es2022", "--types", ""];
  const compiler = join(here, "node_modules", ".bin", "tsc");
  const outcome = spawnSync(compiler, [...options, source], { cwd: here, encoding: "utf8" });
  if (outcome.error) throw outcome.error;
  rmSync(folder, { recursive: true });
  return outcome.status === 0;
}

/** Whether the parser of Adaptive Cards takes every property, without a complaint. */
function isCard(card) {
  const context = new AdaptiveCards.SerializationContext(AdaptiveCards.Versions.v1_4);
  const parsed = new AdaptiveCards.AdaptiveCard();
  parsed.parse(card, context);
  // `msteams` belongs to the host, not to the card.
  const { msteams, ...own } = card;
  return context.eventCount === 0 && isDeepStrictEqual(msteams, { width: "Full" }) && isDeepStrictEqual(parsed.toJSON(), own);
}

function isTeams(payload) {
  const [attachment, ...others] = payload.attachments ?? [];
  return payload.type === "message" && others.length === 0
    && attachment.contentType === "application/vnd.microsoft.card.adaptive" && isCard(attachment.content);
}

function broken(payload, change) {
  const copy = structuredClone(payload);
  change(copy);
  return copy;
}

const slack = payloads("slack");
check("there are payloads for Slack", slack.length > 0);
for (const [number, text] of slack.entries()) {
  const payload = JSON.parse(text);
  check(`slack ${number}: accepted by @slack/types`, isSlack(payload));
  const texts = payload.blocks.flatMap((block) => (block.text ? [block.text.text] : []));
  check(`slack ${number}: at most 50 blocks of 3000 characters`, payload.blocks.length <= 50 && texts.every((text) => text.length <= 3000));
  check(`slack ${number}: the header has at most 150 characters`, payload.blocks[0].text.text.length <= 150);
  check(`slack ${number}: no markup of names`, !/[<>]/.test([payload.text, ...texts].join("")));
}
const alert = JSON.parse(slack[0]);
check("slack: another type of block is refused", !isSlack(broken(alert, (copy) => { copy.blocks[0].type = "head"; })));
check("slack: formatted text in a header is refused", !isSlack(broken(alert, (copy) => { copy.blocks[0].text = copy.blocks[1].text; })));
check("slack: an unknown property is refused", !isSlack(broken(alert, (copy) => { copy.blocks[1].txt = "x"; })));

const teams = payloads("teams");
check("there are payloads for Teams", teams.length > 0);
for (const [number, text] of teams.entries()) {
  check(`teams ${number}: accepted by adaptivecards`, isTeams(JSON.parse(text)));
  check(`teams ${number}: below 28 KB`, Buffer.byteLength(text) < 28 * 1024);
}
const card = JSON.parse(teams[0]);
const body = (copy) => copy.attachments[0].content.body;
check("teams: another type of element is refused", !isTeams(broken(card, (copy) => { body(copy)[0].type = "Rich"; })));
check("teams: another weight is refused", !isTeams(broken(card, (copy) => { body(copy)[0].inlines[0].weight = "Fat"; })));
check("teams: an unknown property is refused", !isTeams(broken(card, (copy) => { body(copy)[0].spaceing = "Small"; })));
check("teams: a card without a version is refused", !isTeams(broken(card, (copy) => { delete copy.attachments[0].content.version; })));

const passed = outcomes.filter((outcome) => outcome).length;
console.log(`judge: ${passed} passed, ${outcomes.length - passed} failed`);
process.exit(passed === outcomes.length ? 0 : 1);
