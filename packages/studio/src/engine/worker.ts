import "gyre/web/worker";
