// One Chromium for all scripts of a run, until its input ends; its address is the first line of its output.
import { chromium } from "playwright-core";
import { launching } from "./launching.mjs";

const server = await chromium.launchServer(launching(process.argv[2]));
console.log(server.wsEndpoint());
process.stdin.on("end", () => server.close().then(() => process.exit(0))).resume();
