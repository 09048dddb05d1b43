/** Light, dark, or what the system says. Runs before anything is painted, so that nothing flashes. */

(() => {
  const PLACE = "quarterdeck.theme";
  const order = ["system", "light", "dark"];
  const root = document.documentElement;
  const chosen = () => (order.includes(localStorage.getItem(PLACE)) ? localStorage.getItem(PLACE) : "system");

  function apply() {
    const theme = chosen();
    if (theme === "system") root.removeAttribute("data-theme");
    else root.setAttribute("data-theme", theme);
    const button = document.getElementById("theme");
    if (!button) return;
    button.title = `Theme: ${theme}`;
    button.setAttribute("aria-label", button.title);
  }

  apply();
  document.addEventListener("DOMContentLoaded", () => {
    apply();
    document.getElementById("theme")?.addEventListener("click", () => {
      localStorage.setItem(PLACE, order[(order.indexOf(chosen()) + 1) % order.length]);
      apply();
    });
  });
  addEventListener("storage", apply);
})();
