/** Ids and the names of containers that were given none. */

import { randomBytes, randomInt } from "node:crypto";

/** 64 hex digits, of which the first twelve are not all decimal: short ids would be taken for numbers. */
export function newId(): string {
  for (;;) {
    const id = randomBytes(32).toString("hex");
    if (!/^\d{12}/.test(id)) return id;
  }
}

export function shortId(id: string): string {
  return id.slice(0, 12);
}

const MOODS =
  "able agile amber awake bold brave brisk calm candid clever cosy crisp daring deft eager early easy exact fair fearless fine fond frank fresh gentle glad golden grand happy hardy honest humble jolly keen kind late lively loyal lucid lucky mellow merry mild modest neat nimble noble open patient plain proud quick quiet ready robust rosy serene sharp shy sincere sleek smart snug sober solid spry steady still sunny sure swift tidy tranquil true upbeat vivid warm wise witty young zesty";
const SHIPS =
  "anchor argosy barge bark beacon bilge binnacle boom bow brig bulkhead buoy cabin capstan cargo caravel clipper coaster compass cutter davit deck dhow dinghy dock ferry fleet flotilla forecastle frigate galley gantry gunwale halyard harbour hatch haven helm hold hull jetty jib junk keel ketch lagoon lantern launch lighter mast mooring oar packet pennant pier pilot pinnace port prow quay rigging rudder sail schooner sextant shore skiff skipper sloop spar stern tanker tender tiller trawler tug voyage wake wharf winch yacht yawl";
const moods = MOODS.split(" ");
const ships = SHIPS.split(" ");

/** Like `calm_schooner`; a digit follows when it may have to be tried again. */
export function randomName(attempt: number): string {
  const name = `${moods[randomInt(moods.length)]}_${ships[randomInt(ships.length)]}`;
  return attempt === 0 ? name : `${name}${randomInt(10 ** Math.min(attempt, 6))}`;
}
