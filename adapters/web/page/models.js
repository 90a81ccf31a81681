// The models as the composer needs them: one entry a name, the variant that fits what is given.
let all = [];
let usual = "";

export function setModels(models, usualModel) {
  all = models;
  usual = usualModel;
}

/** All on sale, one a name: an active variant stands for the others. */
export function shelf() {
  const byName = new Map();
  for (const model of all) {
    const known = byName.get(model.name);
    if (model.sold && (!known || (known.state !== "active" && model.state === "active"))) byName.set(model.name, model);
  }
  return [...byName.values()];
}

const bare = (name) => name.toLowerCase().replace(/[^a-z0-9]/g, "");

/** The models one may order, one a name; those that rest stand last. */
export function choices() {
  const byName = new Map();
  for (const model of all) {
    if (model.sold && model.kind === "video" && model.tier !== "legacy" && !byName.has(model.name)) {
      byName.set(model.name, model);
    }
  }
  const rests = (model) => (model.state === "active" ? 0 : 1);
  return [...byName.values()].sort((a, b) => rests(a) - rests(b));
}

/** The variant of a named model ("" is the usual one) that takes pictures, or words alone; null for an unknown name. */
export function variant(name, pictures = 0) {
  const wanted = bare(name || usual);
  const named = all.find((model) => bare(model.id) === wanted) ?? all.find((model) => bare(model.name) === wanted);
  if (!named) return null;
  const takes = (model) =>
    pictures ? model.options.first || model.options.references_max > 0 : !model.options.needs_picture;
  return [named, ...all.filter((model) => model.sold && model.name === named.name)].find(takes) ?? named;
}

/** The Sora model of a tier, as /sora means it. */
export const sora = (tier, pictures) => variant(`sora-2${tier === "standard" ? "" : "-pro"}-text-to-video`, pictures);

/** Models that make a film from several scenes: active ones first, Sora's before others. */
export function storyboards() {
  const place = (model) => (model.state === "active" ? 0 : 2) + (model.family.startsWith("sora") ? 0 : 1);
  return choices().filter((model) => model.options.shots_max > 0).sort((a, b) => place(a) - place(b));
}
