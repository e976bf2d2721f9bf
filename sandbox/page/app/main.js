import { startCloud } from "./cloud.js";
import { startComposer } from "./composer.js";
import { announce, byId } from "./dom.js";
import { startHome } from "./home.js";
import { startModal } from "./modal.js";
import { startPeople } from "./people.js";
import { startPlaces } from "./places.js";
import { remember, remembered } from "./remember.js";
import { follow, openHome, readFacts } from "./server.js";
import { change, draws, state } from "./state.js";
import { startTalk } from "./talk.js";
import { startThread } from "./thread.js";

startPlaces();
startPeople();
startTalk();
startComposer();
startThread();
startHome();
startModal();
startCloud();

let stop = () => {};
draws(["user"], () => {
  stop();
  stop = follow(state.user, heard);
});

function heard(name, value) {
  if (name !== "connected") return change({ [name]: value });
  if (value === state.connected) return;
  change({ connected: value });
  document.body.toggleAttribute("data-lost", !value);
  announce(value ? "Connected again." : "The sandbox does not answer; trying again.");
}

const facts = await readFacts();
Object.assign(state, remembered(facts));
remember();
change({ facts });
change({ user: state.user, place: state.place });
if (state.place === "home") void openHome(state.user);
else byId("entry").focus();
