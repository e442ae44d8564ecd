import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "./styles/base.css";
import { App } from "./view/App";
import { Boundary } from "./view/Boundary";

const place = document.getElementById("root");
if (place)
  createRoot(place).render(
    <StrictMode>
      <Boundary>
        <App />
      </Boundary>
    </StrictMode>,
  );
