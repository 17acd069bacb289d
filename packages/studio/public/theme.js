// before the first paint, so that a dark page does not flash
try {
  const theme = localStorage.getItem("gyre-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {}
