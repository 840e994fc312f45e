// Pictures that a log names, as the browser shows the kinds that are nothing but pictures.
import { useEffect, useState } from "preact/hooks";
import { ask } from "../../../api";
import { asProblem } from "../../../load";
import { size } from "../../../parts";
import type { Picture } from "../bodies";

const SHOWN = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const LARGEST = 10_000_000;

export function Pictures({ attempt, pictures }: { attempt: string; pictures: readonly Picture[] }) {
  if (!pictures.length) return null;
  return (
    <div class="pictures">
      {pictures.map((one, at) => (
        <PictureView key={at} attempt={attempt} picture={one} />
      ))}
    </div>
  );
}

function PictureView({ attempt, picture }: { attempt: string; picture: Picture }) {
  const [address, setAddress] = useState("");
  const [wrong, setWrong] = useState("");
  const shown = SHOWN.includes(picture.media_type) && picture.bytes <= LARGEST && /^[0-9a-f]{64}$/.test(picture.digest);
  useEffect(() => {
    if (!shown) return undefined;
    let made = "";
    let wanted = true;
    ask("GET", `/attempts/${attempt}/outputs/${picture.digest}`)
      .then((answer) => answer.blob())
      .then(
        (blob) => {
          if (!wanted) return;
          made = URL.createObjectURL(new Blob([blob], { type: picture.media_type }));
          setAddress(made);
        },
        (error: unknown) => wanted && setWrong(asProblem(error).message),
      );
    return () => {
      wanted = false;
      if (made) URL.revokeObjectURL(made);
    };
  }, [attempt, picture.digest]);
  if (!shown || wrong) return <p class="hint">{wrong || `a picture that is not shown here (${size(picture.bytes)})`}</p>;
  return (
    <img src={address || undefined} alt="A picture of the task" width={picture.width || undefined} height={picture.height || undefined} />
  );
}
