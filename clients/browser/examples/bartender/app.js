// A bartender's own device.
import { open } from "./common/page.js";
import { queue } from "./queue.js";

open({
  name: "Bar",
  clientId: "bartender",
  storage: "local",
  rememberMe: true,
  role: "bartender",
  welcome: "Behind the bar",
  words: "Sign in to see what is ordered.",
  view: queue,
});
