// Before the first paint: the look that was chosen here. Without a choice the system's decides.
(() => {
  const chosen = localStorage.getItem("look");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.look = chosen;
})();
